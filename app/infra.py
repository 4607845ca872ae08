"""What every feature is built on: the process's settings, its clock, its connections and its secret key."""

from dataclasses import dataclass

from arq.connections import ArqRedis

from app.arr.http import ArrHttp
from app.core.clock import Clock
from app.core.config import Config
from app.core.db import Database
from app.core.queue import Queue
from app.secrets.box import SecretBox


@dataclass(frozen=True, slots=True)
class Infra:
    """One per process; `open_container` opens and closes it."""

    config: Config
    clock: Clock
    db: Database
    redis: ArqRedis
    queue: Queue
    box: SecretBox
    http: ArrHttp
