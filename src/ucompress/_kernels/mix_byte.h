/* One byte, decision by decision down its tree.
 *
 *   hashes --> slots of three decisions --> histories --> inputs  \
 *   match --> what it expects, and how well that did              --> mixer --> (fine) --> coder
 *   tree of the last byte --> the node's own probability          /
 *
 *   inputs    2k, 2k + 1: history of context k · 2n, 2n + 1: the match · 2n + 2: the node · 2n + 3: 1
 *   weights   by what the match says · by node and how many slots were known · by the last byte
 *
 * A path file, see `mix_paths.h`.
 */
typedef struct {
    uint32_t hash[MIX_CONTEXTS];
    uint8_t *slot[MIX_CONTEXTS];
    uint32_t first_two; /* the first decisions: which line holds all slots but the first */
    unsigned known;     /* slots that had seen something */
} MIX_PATH(places);

static UC_INLINE void MIX_PATH(seek)(mix_model *m, MIX_PATH(places) *at, const int contexts, int line_bits,
                                     unsigned node, unsigned depth)
{
    int k;
    at->known = 0;
    for (k = 0; k < contexts; k++) {
        uint32_t check = at->hash[k], line = at->hash[k] >> (32 - line_bits);
        if (depth) {
            check = (check ^ node * 0x9E3779B1u) * 0x85EBCA6Bu;
            check ^= check >> 16;
            line ^= 1 + at->first_two;
        }
        at->slot[k] = MIX_PATH(slot)(m, m->lines + (((size_t)k << line_bits | line) << 6), (uint16_t)check);
        at->known += at->slot[k][0] != 0;
    }
}

static UC_INLINE void MIX_PATH(fetch)(const mix_model *m, const MIX_PATH(places) *at, const int contexts,
                                      int line_bits, uint32_t other)
{
    int k;
    for (k = 0; k < contexts; k++) {
        uint32_t line = at->hash[k] >> (32 - line_bits) ^ other;
        UC_PREFETCH(m->lines + (((size_t)k << line_bits | line) << 6));
    }
}

/* Between 2^7 steps of z, nearer one learns. */
static UC_INLINE int32_t MIX_PATH(refine)(uint16_t *row, int32_t z, int32_t p, uint16_t **learns)
{
    int32_t at = (z + 2048) >> 7, rest = (z + 2048) & 127;
    int32_t fine = (row[at] * (128 - rest) + row[at + 1] * rest) >> 7;
    *learns = row + at + (rest >= 64);
    return mix_within((p + fine + 1) >> 1, MIX_P_LEAST, 65536 - MIX_P_LEAST);
}

static UC_INLINE void MIX_PATH(remember)(const mix_fixed *f, mix_core *core, int context, int history,
                                         unsigned bit)
{
    uint32_t p22 = core->map[context][history] >> 10, times = core->map[context][history] & 1023;
    int64_t target = bit ? 4194303 : 0;
    p22 = (uint32_t)((int64_t)p22 + ((target - (int64_t)p22) * f->share[times] >> 16));
    mix_map_set(&f->curves, core, context, history, p22, times + (times < MIX_PAIR_LIMIT));
}

static UC_INLINE unsigned MIX_PATH(byte)(const int mode, const int contexts, uc_coding *rc, mix_model *m,
                                         const mix_fixed *f, const mix_shape *shape, const mix_match *match,
                                         MIX_PATH(places) *at, const uint8_t *window, uint32_t here, int flat,
                                         int missed, unsigned byte)
{
    const int lanes = contexts > 6 ? 32 : 16;
    const int rate = m->core->modelled < 65536 ? 24 : m->core->modelled < 524288 ? 12 : 6;
    mix_core *core = m->core;
    unsigned before = window[here - 1], tree_of = flat ? MIX_FLAT : before;
    unsigned length = mix_length_class(match->agreed);
    const mix_tree *tree = &f->trees[tree_of];
    uint32_t code = mode == UC_GET ? 0 : tree->code[byte] >> 5;
    uint32_t expected = match->at ? tree->code[window[match->at]] : 0;
    uint32_t pair[MIX_LANES / 2];
    int agrees = match->at != 0, left = (int)(expected & 31);
    unsigned node = 1, depth = 0, within = 1;
#if MIX_VECTOR
    int16_t x[MIX_LANES] __attribute__((aligned(32)));
#else
    int16_t x[MIX_LANES];
#endif
    expected >>= 5;
    memset(pair, 0, sizeof pair);
    at->first_two = 0;
    for (;;) {
        int16_t *set[3];
        uint16_t *own = &core->order_1[tree_of][node], *match_p = NULL, *learns = NULL;
        unsigned history[MIX_CONTEXTS], bit, guess = expected & 1, said;
        int32_t z, p, fine_p, error;
        int k;
        if (depth % 3 == 0) {
            MIX_PATH(seek)(m, at, contexts, shape->line_bits, node, depth);
            within = 1;
        }
        for (k = 0; k < contexts; k++) {
            history[k] = at->slot[k][within - 1];
            memcpy(&pair[k], core->inputs[k][history[k]], 4);
        }
        pair[contexts] = 0;
        if (agrees) {
            unsigned kind = missed ? 56 + (unsigned)(left < 7 ? left : 7) : 2 * length + (match->misses > 0);
            int32_t sure, stretched;
            match_p = &core->expected[kind];
            sure = *match_p >> 4;
            stretched = f->curves.stretch[sure];
            pair[contexts] = mix_pair(guess ? stretched : -stretched,
                                      guess ? (sure - 2048) >> 1 : -((sure - 2048) >> 1));
        }
        pair[contexts + 1] = mix_pair(f->curves.stretch[*own >> 4], 256);
        MIX_PATH(pack)(lanes, x, pair);
        said = missed ? (agrees ? (left == 1 ? 31 : 30) : 29) : agrees ? 1 + length : 0;
        set[0] = core->by_match + ((depth >= 3 ? 32 : 0) + said) * lanes;
        set[1] = core->by_slots + (((depth >= 3 ? contexts + 1 : 0) + at->known) * 8 + within) * lanes;
        set[2] = core->by_byte + before * lanes;
        z = mix_within(MIX_PATH(mix)(lanes, x, set), -2048, 2047);
        p = fine_p = f->curves.squash[z + 2048];
        if (contexts > 6) {
            uint16_t *row = m->fine + (before << 8 | node) * MIX_FINE;
            fine_p = MIX_PATH(refine)(row, z, p, &learns);
        }
        bit = uc_code_bit(mode, rc, (uint32_t)(65536 - fine_p), code & 1);
        code >>= 1;
        error = ((bit ? 65535 : 0) - p) >> 1;
        MIX_PATH(teach)(lanes, x, set, error * rate >> 8);
        for (k = 0; k < contexts; k++) {
            at->slot[k][within - 1] = f->states.next[history[k]][bit];
        }
        if (!core->frozen) {
            for (k = 0; k < contexts; k++) {
                MIX_PATH(remember)(f, core, k, (int)history[k], bit);
            }
        }
        if (contexts > 6) {
            mix_move(learns, bit, 6);
            mix_note(m, learns);
        }
        if (agrees) {
            mix_move(match_p, bit == guess, 6);
            agrees = bit == guess;
        }
        mix_move(own, bit, 5);
        expected >>= 1;
        left--;
        depth++;
        within = 2 * within + bit;
        if (depth <= 2) {
            at->first_two = 2 * at->first_two + bit;
            if (depth == 2) {
                MIX_PATH(fetch)(m, at, contexts, shape->line_bits, 1 + at->first_two);
            }
        }
        node = tree->child[node][bit];
        if (node >= MIX_LEAF) {
            core->modelled++;
            return node - MIX_LEAF;
        }
    }
}
