/* Slots: bit histories of three decisions, seven slots in a line of the cache.
 *
 *   line   [ 7 checks of 16 bits | - | 7 slots of 7 histories ]      64 bytes
 *   slot   node 1 | nodes 2, 3 | nodes 4 .. 7                        of the three decisions
 *
 * A slot is found by its check; without one, the slot whose first history has seen the least is
 * taken and made new. Tables are addressed by offset; their place in memory never matters.
 *
 * A path file: read once for each path, see `mix_paths.h`.
 */
static UC_INLINE uint8_t *MIX_PATH(slot)(uint8_t *line, uint16_t check)
{
    uint8_t *slot;
    int k, taken = 0;
#if MIX_VECTOR
    __m128i equal = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)line), _mm_set1_epi16((int16_t)check));
    unsigned found = (unsigned)_mm_movemask_epi8(equal) & 0x3FFF;
    if (UC_LIKELY(found)) {
        return line + 15 + 7 * (__builtin_ctz(found) >> 1);
    }
#else
    for (k = 0; k < 7; k++) {
        uint16_t held;
        memcpy(&held, line + 2 * k, 2);
        if (held == check) {
            return line + 15 + 7 * k;
        }
    }
#endif
    for (k = 1; k < 7; k++) {
        taken = line[15 + 7 * k] < line[15 + 7 * taken] ? k : taken;
    }
    memcpy(line + 2 * taken, &check, 2);
    slot = line + 15 + 7 * taken;
    memset(slot, 0, 7);
    return slot;
}
