"""The services of incoming webhooks."""

from dataclasses import dataclass

from app.actions.actions import ActionServices
from app.hunting.services import HuntingServices
from app.infra import Infra
from app.webhooks.app_webhooks import AppWebhooks
from app.webhooks.service import HookService
from app.webhooks.tokens import WebhookTokens


@dataclass(frozen=True, slots=True)
class WebhookServices:
    """`apps`: the calls of the apps; `hooks`: the user's own hooks; `tokens`: who calls either."""

    apps: AppWebhooks
    hooks: HookService
    tokens: WebhookTokens

    @classmethod
    def build(cls, infra: Infra, hunting: HuntingServices, actions: ActionServices) -> "WebhookServices":
        return cls(
            AppWebhooks(infra.db, infra.box, actions.instances, hunting.webhook_hints, infra.clock),
            HookService(infra.db, actions, infra.clock),
            WebhookTokens(infra.db, infra.clock),
        )
