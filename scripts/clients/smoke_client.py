"""The smoke test of the client by openapi-python-client; its folder is the first argument."""

import importlib
import io
import os
import sys
from pathlib import Path
from typing import Any

PACKAGE = "huntarr_client"


def main(package: str, key: str, url: str, app: dict[str, str]) -> None:
    root: Any = importlib.import_module(package)
    models: Any = importlib.import_module(f"{package}.models")
    types: Any = importlib.import_module(f"{package}.types")
    client = root.AuthenticatedClient(base_url=url, token=key, prefix="", auth_header_name="X-Api-Key", timeout=70)

    def call(place: str, *path: Any, **given: Any) -> Any:
        return importlib.import_module(f"{package}.api.{place}").sync(*path, client=client, **given)

    sonarr = models.HuntingAppType.SONARR
    assert call("instances.list_all_instances").data == []
    any_app = models.AppType.SONARR
    made = call("instances.create_instance", any_app, body=models.InstanceIn(**app)).data
    hunts = call("hunting.create_hunt", body=models.HuntIn(instance_id=made.id), wait=60).data.hunts
    assert [hunt.status.value for hunt in hunts] == ["completed"]
    history = call("hunting.list_history", page_size=1).data
    assert [search.app_type.value for search in history.items] == ["sonarr"]
    page = call("logs.list_logs", limit=2).data
    assert call("logs.list_logs", before_id=page.next_before_id).data.entries
    backup = call("backup.create_backup").data
    file = call("backup.download_backup", backup.filename)
    content = file.payload.read()
    assert content.startswith(b"PK")
    form = models.UploadBackupBody(file=types.File(io.BytesIO(content), "backup.zip", "application/zip"))
    assert call("backup.upload_backup", body=form).data.kind.value == "uploaded"
    assert call("logs.export_logs").payload.read().startswith(b"{")
    assert "huntarr_" in call("system.get_metrics")
    lost = call("hunting.get_hunt", 4711)
    assert "4711" in lost.error
    wrong = call("settings.update_general_settings", body=models.GeneralIn(timezone="Mars/Olympus"))
    assert [detail.field for detail in wrong.details] == ["body.timezone"]
    assert call("settings.get_hunting_settings", sonarr).success
    call("instances.delete_instance", any_app, made.id)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1]).resolve()))
    environment = os.environ
    named = {"name": "Smoke", "url": environment["APP_URL"], "api_key": environment["APP_KEY"]}
    main(PACKAGE, environment["HUNTARR_KEY"], environment["HUNTARR_URL"], named)
