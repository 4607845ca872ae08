// openapi-typescript with openapi-fetch.
import createClient from "openapi-fetch";
import { app, check, isZip, key, url } from "./check";
import type { paths } from "./types/schema";

const client = createClient<paths>({ baseUrl: url, headers: { "X-Api-Key": key } });
const path = { app_type: "sonarr" } as const;

const none = await client.GET("/api/instances");
check(none.data?.data.length === 0, "no instances");
const made = await client.POST("/api/instances/{app_type}", { params: { path }, body: app });
const id = made.data?.data.id ?? 0;
const hunts = await client.POST("/api/hunts", { params: { query: { wait: 60 } }, body: { instance_id: id } });
check(hunts.data?.data.hunts[0]?.status === "completed", "hunt");
const history = await client.GET("/api/history", { params: { query: { page_size: 1 } } });
check(history.data?.data.items[0]?.app_type === "sonarr", "history");
const log = await client.GET("/api/logs", { params: { query: { limit: 2 } } });
const more = await client.GET("/api/logs", { params: { query: { before_id: log.data?.data.next_before_id } } });
check((more.data?.data.entries.length ?? 0) > 0, "log page");
const backup = await client.POST("/api/backup/create", {});
const filename = backup.data?.data.filename ?? "";
const file = await client.GET("/api/backup/{filename}/download", { params: { path: { filename } }, parseAs: "blob" });
check(await isZip(file.data as Blob), "download");
const stored = await client.POST("/api/backup/upload", {
  body: { file: "" },
  bodySerializer: () => {
    const form = new FormData();
    form.append("file", file.data as Blob, "backup.zip");
    return form;
  },
});
check(stored.data?.data.kind === "uploaded", "upload");
const lost = await client.GET("/api/hunts/{hunt_id}", { params: { path: { hunt_id: 4711 } } });
check(lost.response.status === 404 && (lost.error?.error.includes("4711") ?? false), "404");
const wrong = await client.POST("/api/settings/general", { body: { timezone: "Mars/Olympus" } });
check(wrong.response.status === 422 && wrong.error?.details?.[0]?.field === "body.timezone", "422");
await client.DELETE("/api/instances/{app_type}/{instance_id}", { params: { path: { ...path, instance_id: id } } });
