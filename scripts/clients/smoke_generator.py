"""The smoke test of the client by openapi-generator; its folder is the first argument. It runs in the tools' Python."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any


def main(key: str, url: str, app: dict[str, str]) -> None:
    made: Any = importlib.import_module("openapi_client")
    client = made.ApiClient(made.Configuration(host=url, api_key={"ApiKeyHeader": key}))
    instances, hunting = made.InstancesApi(client), made.HuntingApi(client)
    backup, logs, settings = made.BackupApi(client), made.LogsApi(client), made.SettingsApi(client)

    assert instances.list_all_instances().data == []
    instance = instances.create_instance("sonarr", made.InstanceIn(**app)).data
    hunts = hunting.create_hunt(wait=60, hunt_in=made.HuntIn(instance_id=instance.id)).data.hunts
    assert [hunt.status for hunt in hunts] == ["completed"]
    assert [search.app_type for search in hunting.list_history(page_size=1).data.items] == ["sonarr"]
    page = logs.list_logs(limit=2).data
    assert logs.list_logs(before_id=page.next_before_id).data.entries
    file = backup.download_backup(backup.create_backup().data.filename)
    assert file.startswith(b"PK")
    assert backup.upload_backup(("backup.zip", bytes(file))).data.kind == "uploaded"
    assert logs.export_logs().startswith(b"{")
    assert "huntarr_" in made.SystemApi(client).get_metrics()
    assert "4711" in refusal(made, 404, lambda: hunting.get_hunt(4711))
    wrong = made.GeneralIn(timezone="Mars/Olympus")
    assert "body.timezone" in refusal(made, 422, lambda: settings.update_general_settings(wrong))
    instances.delete_instance("sonarr", instance.id)


def refusal(made: Any, status: int, call: Any) -> str:
    try:
        call()
    except made.ApiException as failure:
        assert failure.status == status
        return str(failure.body)
    raise AssertionError(f"no {status}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(sys.argv[1]).resolve()))
    environment = os.environ
    named = {"name": "Smoke", "url": environment["APP_URL"], "api_key": environment["APP_KEY"]}
    main(environment["HUNTARR_KEY"], environment["HUNTARR_URL"], named)
