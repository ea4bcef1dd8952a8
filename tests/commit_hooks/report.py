"""How a hook ends: a line for each problem, and exit code 1 if there is one."""


def report(problems: list[str]) -> int:
    for problem in problems:
        print(problem)  # noqa: T201
    return bool(problems)
