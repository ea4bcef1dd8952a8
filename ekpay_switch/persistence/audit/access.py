"""The audit checks of access: everybody on the staff came as they may, by two persons."""

from typing import Any

# Each change that was approved, with both persons as they stand now: whoever was removed was so afterwards.
CHANGES = """
SELECT c.id, c.kind, c.subject, c.asked_by, c.approved_by, c.rejected_by, c.kind LIKE 'staff%' AS is_of_staff,
  coalesce(a.disabled_at < c.approved_at, a.name IS NULL) AS asker_was_gone,
  coalesce(b.disabled_at < c.approved_at, b.name IS NULL) AS approver_was_gone
FROM access_changes AS c
LEFT JOIN staff AS a ON a.name = c.asked_by LEFT JOIN staff AS b ON b.name = c.approved_by
WHERE c.approved_at IS NOT NULL OR c.approved_by IS NOT NULL ORDER BY c.id
"""
# Each person with the approvals that put them there, gave their roles and let them choose their passphrase.
STAFF = """
SELECT s.name, s.came_by, s.disabled_by, s.passphrase_hash <> '' AS has_passphrase,
  (SELECT count(*) FROM staff AS o WHERE o.created_at < s.created_at) AS earlier,
  EXISTS (SELECT FROM staff AS o WHERE o.came_by <> 'before' AND o.created_at < s.created_at) AS is_late,
  EXISTS (SELECT FROM alarms WHERE kind = 'staff_recovered' AND subject = 'staff ' || s.name) AS has_alarm,
  s.roles_by_change IS NOT NULL AS has_other_roles,
  s.passphrase_by_change IS NOT NULL AS has_other_passphrase,
  a.id IS NOT NULL AS is_added, r.id IS NOT NULL AS are_roles_given, p.id IS NOT NULL AS is_code_used,
  coalesce(r.terms, a.terms) -> 'roles' = s.roles AS has_those_roles
FROM staff AS s
LEFT JOIN access_changes AS a ON a.id = s.added_by_change AND a.kind = 'staff_added' AND a.subject = s.name
  AND a.approved_by IS NOT NULL
LEFT JOIN access_changes AS r ON r.id = s.roles_by_change AND r.kind = 'staff_roles' AND r.subject = s.name
  AND r.approved_by IS NOT NULL
LEFT JOIN access_changes AS p ON p.id = s.passphrase_by_change AND p.subject = s.name
  AND p.kind IN ('staff_added', 'staff_passphrase') AND p.code_used_at IS NOT NULL
  AND p.approved_by IS NOT NULL
ORDER BY s.created_at, s.name
"""

Row = Any
_FIRST_PERSONS = 2


def change_fault(row: Row) -> str | None:
    """What is wrong unless two other persons of the staff asked for and approved a change."""
    if row["approved_by"] in {None, row["asked_by"]} or row["rejected_by"] is not None:
        return "one person asked for it and approved it, or it was rejected as well"
    if row["is_of_staff"] and row["approved_by"] == row["subject"]:
        return f"{row['subject']} approved what is about themselves"
    if row["asker_was_gone"] or row["approver_was_gone"]:
        return "who asked or who approved was not on the staff any more"
    return None


def member_fault(row: Row) -> str | None:
    """What is wrong unless a person came as they may and has roles and passphrase from two persons."""
    return _coming_fault(row) or _rights_fault(row)


def _coming_fault(row: Row) -> str | None:
    match row["came_by"]:
        case "installation":
            is_wrong = row["earlier"] >= _FIRST_PERSONS
        case "before":
            is_wrong = row["is_late"]
        case "recovery":
            return None if row["has_alarm"] else "the owner of the database added them, and no alarm says so"
        case _:
            is_wrong = not row["is_added"]
    return "no two persons asked for and approved them" if is_wrong else None


def _rights_fault(row: Row) -> str | None:
    if (row["has_other_roles"] and not row["are_roles_given"]) or row["has_those_roles"] is False:
        return "their roles are not those that two persons approved"
    needs_code = row["came_by"] == "two_persons" and row["has_passphrase"]
    if (needs_code or row["has_other_passphrase"]) and not row["is_code_used"]:
        return "their passphrase was set without a code of two persons"
    return None if row["disabled_by"] != row["name"] else "they disabled themselves"


# The checks in order: the query, the function that returns what is wrong with a row, and the row's name.
ACCESS_CHECKS = (
    (CHANGES, change_fault, "access_changes {id}"),
    (STAFF, member_fault, "staff {name}"),
)
