"""What can be done in any order is done in many."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.cast import Cast


def run(machine: type[RuleBasedStateMachine], cast: Cast, *, examples: int, steps: int) -> None:
    """Try `examples` orders of up to `steps` rules each; the machine finds the cast in `cast`."""
    run_state_machine_as_test(
        type(f"The{machine.__name__}", (machine,), {"cast": cast}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
