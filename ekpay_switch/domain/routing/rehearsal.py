"""What a draft of the rules would have decided in the past: the same requests, records and luck.

Counterfactual, so nobody knows what would have become of them: values are expected ones, by the record that
stood then and the draft's own measure of a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.domain.routing.decision import Candidate, Decision, decide, weigh
from ekpay_switch.domain.routing.rules import RoutingRules


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A decision beside what the draft makes of it; None is nobody.

    `gain` is the expected value of asking the draft's choice above that of the one that was asked, in
    millionths of a paisa; 0 where either of them is nobody.
    """

    before: Decision
    after: Decision
    gain: int

    @property
    def differs(self) -> bool:
        """Whether somebody else would have been asked."""
        return self.before.chosen != self.after.chosen


def rehearse(before: Decision, draft: RoutingRules, others: Sequence[Candidate]) -> Rehearsed:
    """Decide a past request again by the draft.

    Of `others`, those that were no candidates then are taken without a record: what they would have done
    in those minutes nobody wrote down.
    """
    then = [verdict.candidate for verdict in before.verdicts]
    known = {candidate.connector_id for candidate in then}
    new = [other for other in others if other.connector_id not in known]
    after = decide(before.request, [*then, *new], draft, before.draw)
    if before.chosen is None or after.chosen is None:
        return Rehearsed(before, after, 0)
    asked = weigh(before.verdict_on(before.chosen).candidate, before.request, draft)
    return Rehearsed(before, after, after.verdict_on(after.chosen).score - asked.score)
