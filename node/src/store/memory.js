/** The engine and the objects in memory, with DynamoDB's rules for conditions and updates: for tests. */
import { PayloadCorrupt } from "../errors.js";
import { changed, refusing } from "../life/move.js";

export class MemoryTable {
  items = new Map();
  writes = 0;

  async write(move) {
    const place = `${move.run_id} ${move.part}`;
    const found = this.items.get(place) ?? {};
    if (refusing(move, found).length) return { found: { ...found } };
    this.writes += 1;
    const item = move.replace ? { ...move.set } : changed(move, { ...found, run_id: move.run_id, part: move.part });
    this.items.set(place, item);
    return { item: { ...item } };
  }

  async get(runId, part) {
    const found = this.items.get(`${runId} ${part}`);
    return found ? { ...found } : null;
  }
}

export class MemoryObjects {
  objects = new Map();

  async put(key, data) { this.objects.set(key, Buffer.from(data)); }

  async get(key) {
    if (!this.objects.has(key)) throw new PayloadCorrupt("the stored payload is missing");
    return this.objects.get(key);
  }
}
