// @hey-api/openapi-ts.
import { app, check, isZip, key, url } from "./check";
import { client } from "./hey/client.gen";
import * as sdk from "./hey/sdk.gen";

client.setConfig({ baseUrl: url, auth: key });
const path = { app_type: "sonarr" } as const;

const none = await sdk.listAllInstances();
check(none.data?.data.length === 0, "no instances");
const made = await sdk.createInstance({ path, body: app });
const id = made.data?.data.id ?? 0;
const hunts = await sdk.createHunt({ query: { wait: 60 }, body: { instance_id: id } });
check(hunts.data?.data.hunts[0]?.status === "completed", "hunt");
const history = await sdk.listHistory({ query: { page_size: 1 } });
check(history.data?.data.items[0]?.app_type === "sonarr", "history");
const log = await sdk.listLogs({ query: { limit: 2 } });
const more = await sdk.listLogs({ query: { before_id: log.data?.data.next_before_id } });
check((more.data?.data.entries.length ?? 0) > 0, "log page");
const backup = await sdk.createBackup();
const file = await sdk.downloadBackup({ path: { filename: backup.data?.data.filename ?? "" } });
check(file.data !== undefined && (await isZip(file.data)), "download");
const stored = await sdk.uploadBackup({ body: { file: file.data as Blob } });
check(stored.data?.data.kind === "uploaded", "upload");
const lost = await sdk.getHunt({ path: { hunt_id: 4711 } });
check(lost.response?.status === 404 && (lost.error?.error.includes("4711") ?? false), "404");
const wrong = await sdk.updateGeneralSettings({ body: { timezone: "Mars/Olympus" } });
check(wrong.response?.status === 422 && wrong.error?.details?.[0]?.field === "body.timezone", "422");
await sdk.deleteInstance({ path: { ...path, instance_id: id } });
