/// <reference path="./cluster-key-slot.d.ts" />
import calculateSlot from 'cluster-key-slot'

export const SLOT_COUNT = 16_384

/** The hash slot of a key in a Cluster. */
export function slotOf(key: string): number {
  const brace = key.indexOf('{')
  // Redis takes the whole key where the first braces are empty; the package takes what the next ones hold.
  const isWhole = brace !== -1 && key[brace + 1] === '}'
  return isWhole ? crc16(Buffer.from(key)) % SLOT_COUNT : calculateSlot(key)
}

/** CRC-16/XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)
  }
  return crc & 0xffff
}
