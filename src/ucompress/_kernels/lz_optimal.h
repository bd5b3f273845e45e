/* Optimal parse: the cheapest path of tokens through the next positions.
 *
 *   node[i]  price of the cheapest way to position i, and its last step
 *
 *   visit i:  take over the context of the step that won; see the candidates
 *             literal                        -> i + 1
 *             last offset                    -> i + 1 .. i + length
 *             candidates, older offsets      -> i + 2 .. i + length
 *             matches of the finder          -> i + 3 .. i + length, nearest offset for each length
 *
 * Forward dynamic programming (Pavlov's LZMA; one arrival a position). Flags and literals are priced
 * from the live models, lengths and offsets from tables read off them every LZ_REFRESH bytes. Fees on
 * top of the prices trade size for the decoder's time; a position that a copy passes at next to no price
 * is skimmed over (as zstd's btopt does). A segment ends where every path meets, after
 * LZ_SEGMENT positions, or at a copy so long that nothing could beat it.
 */
#ifndef UC_LZ_OPTIMAL_H
#define UC_LZ_OPTIMAL_H

#include "lz_encoder.h"

#define LZ_FAR 0xFFFFFFFFu
#define LZ_REFRESH 4096
#define LZ_SEGMENT_LEAST 1024
#define LZ_LEAD 6 /* bytes that pay an explicit offset at the end of a segment */

typedef struct {
    lz_encoder *e;
    uint32_t start, last; /* position of node 0; highest node that has an arrival */
    uint32_t i;           /* the node that is visited */
    lz_scene scene;
    uint32_t recent[LZ_RECENT], named[LZ_WAYS]; /* bytes equal at each */
    lz_match matches[LZ_MATCHES];
    uint32_t count;
    lz_token longest;
} lz_path;

/* Lengths least .. most from one source; `prices` by length. */
static UC_INLINE void lz_arrive(lz_path *path, uint32_t price, const uint32_t *prices, uint32_t least,
                                lz_token t)
{
    lz_node *n = &path->e->nodes[path->i];
    uint32_t most = t.length;
    while (path->last < path->i + most) {
        path->e->nodes[++path->last].price = LZ_FAR;
    }
    for (t.length = least; t.length <= most; t.length++) {
        lz_node *there = n + t.length;
        if (price + prices[t.length] < there->price) {
            there->price = price + prices[t.length];
            there->token = t;
        }
    }
}

static UC_INLINE void lz_longer(lz_path *path, uint32_t length, unsigned kind, unsigned index,
                                uint32_t offset)
{
    if (length > path->longest.length) {
        path->longest = (lz_token){ kind, index, length, offset };
    }
}

/* Everything that could be copied to the visited node. */
static inline void lz_measure(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes[path->i].context;
    const lz_view *v = path->scene.view;
    uint32_t room = lz_room(e, position), k;
    path->longest.length = 0;
    path->count = lz_find(&e->finder, position, path->matches);
    for (k = 0; k < LZ_RECENT; k++) {
        path->recent[k] = lz_common(e, position, c->recent[k], room);
        lz_longer(path, path->recent[k], LZ_REPEAT, k, c->recent[k]);
    }
    for (k = 0; k < v->count; k++) {
        path->named[k] = lz_common(e, position, position - v->place[k], room);
        lz_longer(path, path->named[k], LZ_NAMED, k, position - v->place[k]);
    }
    if (path->count) {
        const lz_match *best = &path->matches[path->count - 1];
        if (best->length > path->longest.length + LZ_LEAD) {
            lz_longer(path, best->length, LZ_MATCH, 0, best->offset);
        }
    }
}

static inline void lz_try_literal(lz_path *path, uint32_t price)
{
    static const uint32_t free_length[2] = { 0, 0 };
    lz_encoder *e = path->e;
    price += lz_price_literal(e->prices, e->model, &e->shape, &path->scene, &e->nodes[path->i].context);
    lz_arrive(path, price + e->finder.effort.literal_fee, free_length, 1, lz_literal_token);
}

static inline void lz_try_matches(lz_path *path, uint32_t position, uint32_t price)
{
    lz_encoder *e = path->e;
    uint32_t least = lz_least_length[LZ_OF_MATCH], k;
    for (k = 0; k < path->count; k++) {
        lz_token t = { LZ_MATCH, 0, path->matches[k].length, path->matches[k].offset };
        const uint32_t *lengths = e->prices->length[LZ_OF_MATCH];
        if (least == 3 && t.length >= 3) {
            lz_token shortest = t;
            shortest.length = 3;
            lz_arrive(path, price + lz_price_offset(e->prices, &e->shape, position - e->past, 3, t.value),
                      lengths, 3, shortest);
            least = 4;
        }
        if (t.length >= least) {
            uint32_t far = lz_price_offset(e->prices, &e->shape, position - e->past, 4, t.value);
            lz_arrive(path, price + far, lengths, least, t);
            least = t.length + 1;
        }
    }
}

static inline void lz_try_older(lz_path *path, uint32_t price)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes[path->i].context;
    const lz_counter *second = &e->model->which[0][c->history], *third = &e->model->which[1][c->history];
    unsigned k;
    for (k = 1; k < LZ_RECENT; k++) {
        uint32_t which = lz_price_bit(e->prices, second, k > 1);
        if (k > 1) {
            which += lz_price_bit(e->prices, third, k > 2);
        }
        if (path->recent[k] >= 2) {
            lz_arrive(path, price + which, e->prices->length[LZ_OF_OLDER], 2,
                      (lz_token){ LZ_REPEAT, k, path->recent[k], c->recent[k] });
        }
    }
}

/* The sources in the order of the flags that lead to them: each price holds those before. */
static inline void lz_try_copies(lz_path *path, uint32_t position, uint32_t price)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes[path->i].context;
    const lz_view *v = path->scene.view;
    lz_flag f;
    uint32_t flag[2], k;
    for (k = 0;; k++) {
        if (k == (v->count > 0)) {
            lz_flag_repeat(&f, e->model, &path->scene, c);
            lz_price_flag(e->prices, &e->shape, &f, flag);
            if (path->recent[0]) {
                lz_arrive(path, price + flag[1], e->prices->length[LZ_OF_REPEAT], 1,
                          (lz_token){ LZ_REPEAT, 0, path->recent[0], c->recent[0] });
            }
            price += flag[0];
        }
        if (k == v->count) {
            break;
        }
        lz_flag_named(&f, e->model, &path->scene, c, k);
        lz_price_flag(e->prices, &e->shape, &f, flag);
        if (path->named[k] >= 2) {
            lz_arrive(path, price + flag[1], e->prices->length[lz_named_length(v, k)], 2,
                      (lz_token){ LZ_NAMED, k, path->named[k], position - v->place[k] });
        }
        price += flag[0];
    }
    lz_flag_older(&f, e->model, &path->scene, c);
    lz_price_flag(e->prices, &e->shape, &f, flag);
    lz_try_older(path, price + flag[1]);
    lz_try_matches(path, position, price + flag[0]);
}

static inline void lz_visit(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    const lz_node *n = &e->nodes[path->i];
    lz_flag f;
    uint32_t flag[2];
    lz_flag_match(&f, e->model, &path->scene, &n->context);
    lz_price_flag(e->prices, &e->shape, &f, flag);
    lz_try_literal(path, n->price + flag[0]);
    if (path->longest.length >= 2 || path->recent[0]) {
        lz_try_copies(path, position, n->price + flag[1] + e->finder.effort.token_fee);
    }
}

/* Emits the path to node `at`. */
static void lz_emit_path(lz_path *path, uint32_t at)
{
    lz_encoder *e = path->e;
    uint32_t i;
    for (i = at; i > 0; i -= e->nodes[i].token.length) {
        e->nodes[i - e->nodes[i].token.length].next = i;
    }
    for (i = 0; i < at; i = e->nodes[i].next) {
        lz_emit(e, &e->views[i], path->start + i, e->nodes[e->nodes[i].next].token);
    }
}

/* A token so long that the parse stops for it; the finder has been asked at `position`. */
static uint32_t lz_emit_long(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    uint32_t k;
    lz_emit(e, path->scene.view, position, path->longest);
    for (k = 1; k < path->longest.length; k++) {
        lz_skip(&e->finder, position + k);
    }
    return position + path->longest.length;
}

/* Whether a copy passes the visited node at next to no price: what starts here will not win. */
static UC_INLINE int lz_is_skimmed(const lz_path *path)
{
    const lz_node *n = &path->e->nodes[path->i];
    uint32_t skim = path->e->finder.effort.skim;
    return skim && path->i < path->last && n[1].price < n->price + skim;
}

/* One segment from `start`; returns where the next one begins. */
static uint32_t lz_parse_segment(lz_encoder *e, uint32_t start)
{
    lz_path path;
    path.e = e;
    path.start = start;
    path.last = 0;
    e->nodes[0].price = 0;
    e->nodes[0].context = e->context;
    for (path.i = 0;; path.i++) {
        uint32_t position = start + path.i;
        lz_node *n = &e->nodes[path.i];
        if (path.i > 0) {
            n->context = n[-(ptrdiff_t)n->token.length].context;
            lz_context_after(&n->context, &n->token);
        }
        if (position == e->end || path.i >= LZ_SEGMENT
            || (path.i >= LZ_SEGMENT_LEAST && path.i == path.last)) {
            lz_emit_path(&path, path.i);
            return position;
        }
        if (lz_is_skimmed(&path)) {
            lz_skip(&e->finder, position);
            continue;
        }
        lz_see(e, &e->views[path.i], position);
        lz_scene_set(&path.scene, &n->context, &e->views[path.i], e->window, position);
        lz_measure(&path, position);
        if (path.longest.length >= e->finder.effort.nice) {
            lz_emit_path(&path, path.i);
            return lz_emit_long(&path, position);
        }
        lz_visit(&path, position);
    }
}

static void lz_parse_optimal(lz_encoder *e)
{
    uint32_t position = e->begin;
    e->stale = LZ_REFRESH;
    while (position < e->end && !e->rc.overflow) {
        if (e->stale >= LZ_REFRESH) {
            lz_prices_refresh(e->prices, e->model, &e->shape);
            e->stale = 0;
        }
        position = lz_parse_segment(e, position);
    }
}

#endif
