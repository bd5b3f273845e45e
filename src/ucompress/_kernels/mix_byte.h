/* One byte, decision by decision down its tree.
 *
 *   hashes --> slots of three decisions --> histories --> inputs  \
 *   match --> what it expects, and how well that did              --> mixer --> (fine) --> coder
 *   last three bytes --> probabilities of their own, by node       |
 *   tree of the last byte --> the node's own probability          /
 *
 *   inputs    2k, 2k + 1: history of context k · 2n, 2n + 1: the match · 2n + 2: the node · 2n + 3: 1
 *             2n + 4, 2n + 5: the last three bytes, where the level has them directly
 *   weights   by what the match says · by node and how many slots were known · by the last byte
 *
 * A path file, see `mix_paths.h`.
 */
typedef struct {
    uint32_t hash[MIX_CONTEXTS];
    uint8_t *slot[MIX_CONTEXTS];
    uint16_t *direct; /* of the last three bytes */
    unsigned known; /* slots that had seen something */
} MIX_PATH(places);

/* Where a byte's walk stands. All of it is in registers: every function below is inlined. */
typedef struct {
    const mix_tree *tree;
    uint16_t *own;     /* the tree's own probabilities, by node */
    int16_t *by_byte;
    uint32_t code;     /* decisions to come, where the byte is known */
    uint32_t expected; /* those of the expected byte */
    int agrees, left, missed, deep, rate;
    unsigned before, node, kind, said[2];
} MIX_PATH(walk);

/* `first_two`: the byte's first decisions, which say in which line its later slots are. */
static UC_INLINE void MIX_PATH(seek)(mix_model *m, MIX_PATH(places) *at, const mix_shape *const shape,
                                     unsigned node, const int deep, unsigned first_two)
{
    int k;
    at->known = 0;
    UC_UNROLL
    for (k = 0; k < shape->contexts; k++) {
        uint32_t check = at->hash[k], line = at->hash[k] >> (32 - shape->line_bits);
        if (deep) {
            check = (check ^ node * 0x9E3779B1u) * 0x85EBCA6Bu;
            check ^= check >> 16;
            line ^= 1 + first_two;
        }
        at->slot[k] =
            MIX_PATH(slot)(m->lines + (((size_t)k << shape->line_bits | line) << 6), (uint16_t)check);
        at->known += at->slot[k][0] != 0;
    }
    if (UC_UNLIKELY(m->undo.noting)) {
        for (k = 0; k < shape->contexts; k++) {
            mix_note(m, at->slot[k]);
        }
    }
}

static UC_INLINE void MIX_PATH(fetch)(const mix_model *m, const MIX_PATH(places) *at,
                                      const mix_shape *const shape, uint32_t other)
{
    int k;
    UC_UNROLL
    for (k = 0; k < shape->contexts; k++) {
        uint32_t line = at->hash[k] >> (32 - shape->line_bits) ^ other;
        UC_PREFETCH(m->lines + (((size_t)k << shape->line_bits | line) << 6));
    }
}

/* What the next byte's contexts are, and their lines on the way. */
static UC_INLINE void MIX_PATH(aim)(mix_model *m, MIX_PATH(places) *to, const mix_shape *const shape,
                                    const mix_text *text, const uint8_t *window, uint32_t at, int flat)
{
    uint32_t last = (uc_load_le32(window + at - 4) >> 8) + ((uint32_t)flat << 24);
    mix_hashes(to->hash, shape, text, window, at, flat);
    MIX_PATH(fetch)(m, to, shape, 0);
    to->direct = m->core->direct[mix_mash(last) >> (32 - MIX_DIRECT_BITS)];
    if (shape->direct) {
        UC_PREFETCH(to->direct);
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

/* One decision: leads to a child, or to MIX_LEAF + byte. `within`: the history's place in the slots,
 * from 1. */
static UC_INLINE unsigned MIX_PATH(decide)(const int mode, const mix_shape *const shape, uc_coding *rc,
                                           mix_model *m, const mix_fixed *f, const MIX_PATH(places) *at,
                                           MIX_PATH(walk) *w, unsigned within)
{
    const int contexts = shape->contexts, lanes = contexts > 6 ? 32 : 16;
    mix_core *core = m->core;
    unsigned guess = w->expected & 1, last = w->missed & (w->left == 1), bit;
    uint16_t *own = w->own + w->node, *learns = NULL;
    /* Without an expected byte the counter that nothing else uses moves, and says nothing. */
    uint16_t *match_p = core->expected + (w->agrees ? w->kind : MIX_NOTHING_EXPECTED);
    int32_t sign = (int32_t)guess - 1, sure = *match_p >> 4, z, p, fine_p, error;
    uint32_t pair[MIX_LANES / 2];
    unsigned history[MIX_CONTEXTS];
    uint16_t *direct = at->direct + (w->node * 0x9E3779B1u >> 27);
    int16_t *set[3];
    int k;
#if MIX_VECTOR
    int16_t x[MIX_LANES] __attribute__((aligned(32)));
#else
    int16_t x[MIX_LANES];
#endif
    if (w->missed && w->agrees) {
        match_p = core->expected + 56 + (w->left < 7 ? w->left : 7);
        sure = *match_p >> 4;
    }
    UC_UNROLL
    for (k = 0; k < contexts; k++) {
        history[k] = at->slot[k][within - 1];
        memcpy(&pair[k], core->inputs[k][history[k]], 4);
    }
    pair[contexts] = mix_pair((f->curves.stretch[sure] ^ sign) - sign, (((sure - 2048) >> 1) ^ sign) - sign) &
                     (0 - (uint32_t)w->agrees);
    pair[contexts + 1] = mix_pair(f->curves.stretch[*own >> 4], 256);
    for (k = contexts + 2; k < lanes / 2; k++) {
        pair[k] = 0;
    }
    if (shape->direct) {
        int32_t p12 = *direct >> 4;
        pair[contexts + 2] = mix_pair(f->curves.stretch[p12], (p12 - 2048) >> 1);
    }
    MIX_PATH(pack)(lanes, x, pair);
    set[0] = core->by_match;
    set[0] += ((w->deep ? 32 : 0) + w->said[w->agrees] + (last & (unsigned)w->agrees)) * lanes;
    set[1] = core->by_slots + (((w->deep ? contexts + 1 : 0) + at->known) * 8 + within) * lanes;
    set[2] = w->by_byte;
    z = mix_within(MIX_PATH(mix)(lanes, x, set), -2048, 2047);
    p = fine_p = f->curves.squash[z + 2048];
    if (shape->fine) {
        uint16_t *row = m->fine + (w->before << 8 | w->node) * MIX_FINE;
        fine_p = MIX_PATH(refine)(row, z, p, &learns);
    }
    bit = uc_code_bit(mode, rc, (uint32_t)(65536 - fine_p), w->code & 1);
    error = ((int32_t)(65535 & (0 - bit)) - p) >> 1;
    MIX_PATH(teach)(lanes, x, set, error * w->rate >> 8);
    UC_UNROLL
    for (k = 0; k < contexts; k++) {
        at->slot[k][within - 1] = f->states.next[history[k]][bit];
    }
    if (!core->frozen) {
        for (k = 0; k < contexts; k++) {
            MIX_PATH(remember)(f, core, k, (int)history[k], bit);
        }
    }
    if (shape->fine) {
        mix_move(learns, bit, 6);
        if (UC_UNLIKELY(m->undo.noting)) {
            mix_note(m, learns);
        }
    }
    mix_move(match_p, bit == guess, 6);
    mix_move(own, bit, 5);
    if (shape->direct) {
        mix_move(direct, bit, 4);
    }
    w->agrees &= bit == guess;
    w->code >>= 1;
    w->expected >>= 1;
    w->left--;
    w->node = w->tree->child[w->node][bit];
    return bit;
}

static UC_INLINE unsigned MIX_PATH(byte)(const int mode, const mix_shape *const shape, uc_coding *rc,
                                         mix_model *m, const mix_fixed *f, const mix_match *match,
                                         MIX_PATH(places) *at, const uint8_t *window, uint32_t here, int flat,
                                         int missed, unsigned byte)
{
    const int lanes = shape->contexts > 6 ? 32 : 16;
    mix_core *core = m->core;
    unsigned before = window[here - 1], tree_of = flat ? MIX_FLAT : before;
    unsigned length = mix_length_class(match->agreed), first_two = 0;
    MIX_PATH(walk) w;
    w.tree = &f->trees[tree_of];
    w.own = core->order_1[tree_of];
    w.by_byte = core->by_byte + before * lanes;
    w.code = mode == UC_GET ? 0 : w.tree->code[byte] >> 5;
    w.expected = match->at ? w.tree->code[window[match->at]] : 0;
    w.agrees = match->at != 0;
    w.left = (int)(w.expected & 31);
    w.expected >>= 5;
    w.missed = missed;
    w.rate = core->modelled < 65536 ? 24 : core->modelled < 524288 ? 12 : 6;
    w.before = before;
    w.node = 1;
    w.kind = 2 * length + (match->misses > 0);
    w.said[0] = missed ? 29 : 0;
    w.said[1] = missed ? 30 : 1 + length;
    core->modelled++;
    for (w.deep = 0;; w.deep = 1) {
        unsigned within;
        MIX_PATH(seek)(m, at, shape, w.node, w.deep, first_two);
        within = 2 + MIX_PATH(decide)(mode, shape, rc, m, f, at, &w, 1);
        if (w.node >= MIX_LEAF) {
            break;
        }
        within = 2 * within + MIX_PATH(decide)(mode, shape, rc, m, f, at, &w, within);
        if (w.node >= MIX_LEAF) {
            break;
        }
        if (!w.deep) {
            first_two = within - 4;
            MIX_PATH(fetch)(m, at, shape, 1 + first_two);
        }
        MIX_PATH(decide)(mode, shape, rc, m, f, at, &w, within);
        if (w.node >= MIX_LEAF) {
            break;
        }
    }
    return w.node - MIX_LEAF;
}
