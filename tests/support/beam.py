"""Apache Beam as far as `tfdcu.pool.beam` speaks to it, in this process.

Beam holds other packages back, so it is not installed with the rest (setup.py).
Where it is, the tests run on Beam itself, which keeps this honest.
"""

import pickle
import types
import uuid


class Pipeline:
    """Runs each step as soon as it is joined."""

    def __init__(self, runner=None, options=None):
        if runner not in (None, "DirectRunner"):
            raise ValueError(f"There is no runner {runner!r} here.")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


class Step:
    """What stands behind `|`, with or without a name before `>>`."""

    def __rrshift__(self, name):
        return self

    def __ror__(self, before):
        return self.run(before)


class Create(Step):
    def __init__(self, values):
        self.values = list(values)

    def run(self, pipeline):
        return self.values


class ParDo(Step):
    """Its function travels, as it would to a worker."""

    def __init__(self, function):
        self.function = function

    def run(self, values):
        function = pickle.loads(pickle.dumps(self.function))
        function.setup()
        return [out for value in values for out in function.process(value)]


class DoFn:
    def setup(self):
        """Nothing, by default."""


class Shared:
    """One object a process, whichever copy asks."""

    made = {}

    def __init__(self):
        self.key = uuid.uuid4()

    def acquire(self, make):
        if self.key not in self.made:
            self.made[self.key] = make()
        return self.made[self.key]


class PipelineOptions:
    def __init__(self, flags=()):
        self.flags = flags


def modules():
    """Dict from the names that are imported of Beam to modules."""
    contents = {
        "apache_beam": [Pipeline, Create, ParDo, DoFn],
        "apache_beam.options": [],
        "apache_beam.options.pipeline_options": [PipelineOptions],
        "apache_beam.utils": [],
        "apache_beam.utils.shared": [Shared],
    }
    found = {name: types.ModuleType(name) for name in contents}
    for name, parts in contents.items():
        vars(found[name]).update({part.__name__: part for part in parts})
    return found
