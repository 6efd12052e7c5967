// A zip file of several files, nothing compressed: pictures are small already (APPNOTE.TXT of PKWARE, 4.3).

import { crc } from "./crc.js";

/** What stands before a file, and again in the list at the end. @param {number[]} parts [value, bytes], little-endian */
function packed(...parts) {
  const out = new Uint8Array(parts.reduce((sum, [, size]) => sum + size, 0)), view = new DataView(out.buffer);
  let at = 0;
  for (const [value, size] of parts) {
    if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return out;
}

/** @param {File[]} files a number is put before each name, so that no two are the same @returns {Promise<Blob>} */
export async function zipOf(files) {
  const body = [], list = [], UTF8 = 0x800, VERSION = 20;
  let offset = 0, listed = 0;
  for (const [k, file] of files.entries()) {
    const name = new TextEncoder().encode(`${String(k).padStart(4, "0")}-${file.name}`), bytes = new Uint8Array(await file.arrayBuffer());
    const same = [[VERSION, 2], [UTF8, 2], [0, 2], [0, 2], [0x21, 2], [crc(bytes), 4], [bytes.length, 4], [bytes.length, 4], [name.length, 2], [0, 2]];
    const head = packed([0x04034b50, 4], ...same), entry = packed([0x02014b50, 4], [VERSION, 2], ...same, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]);
    body.push(head, name, bytes);
    list.push(entry, name);
    offset += head.length + name.length + bytes.length;
    listed += entry.length + name.length;
  }
  return new Blob([...body, ...list, packed([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [listed, 4], [offset, 4], [0, 2])], { type: "application/zip" });
}
