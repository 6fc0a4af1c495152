"""The worst order in which CloudFormation may create a template's resources.

It creates as soon as references allow, many at a time: nothing says that what stands first comes first. So whatever AWS
looks others up for is created here as early as it can be, and everything that nothing refers to as late as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

#: types that AWS checks against others when it creates them
EARLY = (
    "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission",
    "AWS::SNS::Subscription", "AWS::S3::BucketPolicy", "AWS::SQS::Queue", "AWS::ApiGateway::Stage",
)  # fmt: skip


def worst(kinds: Mapping[str, str], waits_for: Callable[[str], Iterable[str]]) -> list[str]:
    """Logical ids, each after all that it waits for. `kinds`: logical id to type. ValueError for a circle."""
    order: list[str] = []
    begun: set[str] = set()

    def create(name: str) -> None:
        if name in order:
            return
        if name in begun:
            raise ValueError(f"Circular dependency detected among resources: {name}")
        begun.add(name)
        for before in sorted(waits_for(name)):
            create(before)
        order.append(name)

    def needs(name: str) -> int:
        """How many come before it: who needs few can be early."""
        found: set[str] = set()
        todo = [name]
        while todo:
            for before in waits_for(todo.pop()):
                if before not in found:
                    found.add(before)
                    todo.append(before)
        return len(found)

    early = [name for name, kind in kinds.items() if kind in EARLY]
    for name in [*sorted(early, key=lambda name: (needs(name), name)), *sorted(kinds)]:
        create(name)
    return order
