"""The images that DescribeImages shows besides an account's own: a fixed few in Amazon's name, so
that a search for the latest Amazon Linux, as most configurations begin with, finds one.

Nothing runs here, so they are names, the same in every region and for ever.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

AMAZON: Final = "amazon"
"""The alias in whose name `Owners` asks for them."""
AMAZON_ID: Final = "137112412989"
"""The account that publishes Amazon Linux."""


@dataclass(frozen=True, slots=True)
class PublicImage:
    image_id: str
    name: str
    architecture: str
    created_at: str


_AL2, _AL2023 = "2023-03-07T00:00:00.000Z", "2023-03-15T00:00:00.000Z"
_IMAGES: Final = (
    ("ami-02000000000000001", "amzn2-ami-hvm-2.0.20230307.0-x86_64-gp2", "x86_64", _AL2),
    ("ami-02000000000000002", "amzn2-ami-hvm-2.0.20230307.0-arm64-gp2", "arm64", _AL2),
    ("ami-03000000000000001", "al2023-ami-2023.0.20230315.0-kernel-6.1-x86_64", "x86_64", _AL2023),
    ("ami-03000000000000002", "al2023-ami-2023.0.20230315.0-kernel-6.1-arm64", "arm64", _AL2023),
)
PUBLIC_IMAGES: Final = {image_id: PublicImage(image_id, *rest) for image_id, *rest in _IMAGES}
"""By id: Amazon Linux 2 and 2023, for both architectures."""


def is_of(owners: Collection[str], image_id: str, account_id: str) -> bool:
    """Whether `owners` (of account ids, `self` and `amazon`; empty for any) name the image's."""
    if not owners:
        return True
    names = {AMAZON, AMAZON_ID} if image_id in PUBLIC_IMAGES else {"self", account_id}
    return not names.isdisjoint(owners)
