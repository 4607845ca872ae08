// What all smoke tests share: where the service is, and how a failure is told.
export const url = process.env.HUNTARR_URL ?? "";
export const key = process.env.HUNTARR_KEY ?? "";
export const app = { name: "Smoke", url: process.env.APP_URL ?? "", api_key: process.env.APP_KEY ?? "" };

export function check(isRight: boolean, what: string): void {
  if (!isRight) {
    throw new Error(`not as expected: ${what}`);
  }
}

// Bytes of a zip begin so.
export async function isZip(file: Blob): Promise<boolean> {
  return (await file.slice(0, 2).text()) === "PK";
}
