"""Runs in an environment of its own: other people's writers make an ACH file and card clearing files.

Names are `<package>.<file>`. Nothing of the product is here.
"""

import sys
from datetime import datetime
from pathlib import Path

from achkit import AchFile  # type: ignore[import-not-found]
from cardutil.mciipm import IpmWriter  # type: ignore[import-not-found]

WRITTEN = datetime(2026, 4, 5, 23, 59)  # noqa: DTZ001 - that writer wants a time without a zone


def ach() -> str:
    file = AchFile.create("091000019", "1234567890", origin_name="EKPAY", creation_date=WRITTEN)
    credits_ = file.batch("CCD", "SETTLEMENT", "2026-04-06")
    for number in range(1, 121):
        credits_.credit(
            f"BILLER {number}", "991260012", f"{number:010d}", number * 101, id_number=f"EKF{number}"
        )
    debits = file.batch("PPD", "REFUND", "2026-04-06")
    debits.debit("SHOP", "994260048", "77", 5_000, "savings", "EKR1", addenda="REFUND OF EKF1")
    return str(file.render())


def presentments(count: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [{"MTI": "1644", "DE24": "697", "PDS0105": "0022604050000000001"}]
    rows.extend(
        {
            "MTI": "1240",
            "DE2": "9999001234567890",
            "DE3": "000000",
            "DE4": number * 100,
            "DE12": datetime(2026, 4, 5, 23, 59, 58),  # noqa: DTZ001 - as above
            "DE24": "200",
            "DE37": f"{number:012d}",
            "DE49": "050",
            "PDS0146": "0",
        }
        for number in range(1, count + 1)
    )
    total = sum(number * 100 for number in range(1, count + 1))
    rows.append({"MTI": "1644", "DE24": "695", "PDS0301": str(total), "PDS0306": f"{count + 2:08d}"})
    return rows


def main(folder: Path) -> None:
    (folder / "achkit.credits-and-debits.ach").write_text(ach(), encoding="ascii")
    for encoding in ("ascii", "cp500"):
        for blocked in (False, True):
            name = f"cardutil.{encoding}-{'blocked' if blocked else 'vbs'}.ipm"
            with (
                (folder / name).open("wb") as file,
                IpmWriter(file, encoding=encoding, blocked=blocked) as ipm,
            ):
                ipm.write_many(presentments(150))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
