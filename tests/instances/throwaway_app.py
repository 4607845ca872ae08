"""A pytest plugin: Huntarr with one more app type, `throwaway`, in which it does not hunt.

Its member of `AppType` and its spec are all that is added. Other modules copy `AppType` when they are imported, so this
plugin is given to pytest by `-p`, which loads it before them.
"""

from enum import StrEnum

from app.arr import models

MEMBERS = {member.name: member.value for member in models.AppType}
vars(models)["AppType"] = StrEnum("AppType", {**MEMBERS, "THROWAWAY": "throwaway"})

from app.arr import registry  # noqa: E402 - after the new member

THROWAWAY = models.AppType("throwaway")
registry.REGISTRY[THROWAWAY] = registry.AppSpec(THROWAWAY, "Throwaway", "/api/v1", 1234)
