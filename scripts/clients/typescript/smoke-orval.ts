// orval, with axios.
import axios from "axios";
import { app, check, isZip, key, url } from "./check";
import * as api from "./orval/client";

axios.defaults.baseURL = url;
axios.defaults.headers.common["X-Api-Key"] = key;
axios.defaults.validateStatus = () => true;

check((await api.listAllInstances()).data.data.length === 0, "no instances");
const made = await api.createInstance("sonarr", app);
const id = made.data.data.id;
const hunts = await api.createHunt({ instance_id: id }, { wait: 60 });
check(hunts.data.data.hunts[0]?.status === "completed", "hunt");
const history = await api.listHistory({ page_size: 1 });
check(history.data.data.items[0]?.app_type === "sonarr", "history");
const log = await api.listLogs({ limit: 2 });
const more = await api.listLogs({ before_id: log.data.data.next_before_id ?? undefined });
check(more.data.data.entries.length > 0, "log page");
const backup = await api.createBackup({});
// axios' own adapter for Node.js knows no blobs.
const file = await api.downloadBackup(backup.data.data.filename, { adapter: "fetch" });
check(await isZip(new Blob([file.data])), "download");
const stored = await api.uploadBackup({ file: new Blob([file.data]) });
check(stored.data.data.kind === "uploaded", "upload");
const lost = await api.getHunt(4711);
check(lost.status === 404, "404");
const wrong = await api.updateGeneralSettings({ timezone: "Mars/Olympus" });
check(wrong.status === 422, "422");
await api.deleteInstance("sonarr", id);
