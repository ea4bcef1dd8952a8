"""What a draft of the routing rules would have decided for past requests, with the same records and draws.

The results are expected values, by the record of that time and the draft's own cost of a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.domain.routing.decision import Candidate, Decision, decide, weigh
from ekpay_switch.domain.routing.rules import RoutingRules


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A past decision and the decision of the draft.

    `gain` is the expected value of the draft's choice less that of the connector that was asked, in
    millionths of a paisa; 0 where either decision chose none.
    """

    before: Decision
    after: Decision
    gain: int

    @property
    def differs(self) -> bool:
        """Whether the draft chooses another connector."""
        return self.before.chosen_connector != self.after.chosen_connector


def rehearse(before: Decision, draft: RoutingRules, candidates: Sequence[Candidate]) -> Rehearsal:
    """Decide a past request again by the draft.

    Those of `candidates` that were none at the time are added as they are, since their record of that time is
    not stored.
    """
    past_candidates = [verdict.candidate for verdict in before.verdicts]
    known = {candidate.connector_id for candidate in past_candidates}
    new_candidates = [candidate for candidate in candidates if candidate.connector_id not in known]
    after = decide(before.request, [*past_candidates, *new_candidates], draft, before.draw)
    if before.chosen_connector is None or after.chosen_connector is None:
        return Rehearsal(before, after, 0)
    original = weigh(before.verdict_on(before.chosen_connector).candidate, before.request, draft)
    return Rehearsal(before, after, after.verdict_on(after.chosen_connector).score - original.score)
