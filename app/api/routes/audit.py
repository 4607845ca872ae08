"""The audit trail: who changed what, when and from where."""

from typing import Annotated

from fastapi import Query

from app.api.deps import Paging
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.services import Audit
from app.api.tags import Tag
from app.auth.schemas import AuditOut
from app.core.schemas import Page, Reply

router = ApiRouter(tag=Tag.AUTH, prefix="/api/audit")

Action = Annotated[str | None, Query(max_length=64, description="One action, such as `login_failed`.")]


@router.get("", summary="Audit trail, newest first")
@RoutePolicy(Access.READ)
async def list_audit(audit: Audit, paging: Paging, action: Action = None) -> Reply[Page[AuditOut]]:
    """Entries are kept for a year."""
    found = await audit.page(action=action, page=paging.page, page_size=paging.page_size)
    return Reply[Page[AuditOut]](data=found)
