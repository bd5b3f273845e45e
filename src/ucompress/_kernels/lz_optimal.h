/* Optimal parse: the cheapest path of tokens through the next positions.
 *
 *   node[i]  price of the cheapest way to position i, and its last step
 *
 *   visit i:  take over the context of the step that won; see the candidates
 *             literal                        -> i + 1
 *             last offset                    -> i + 1 .. i + length
 *             candidates, older offsets      -> i + 2 .. i + length
 *             matches of the finder          -> i + 3 .. i + length, nearest offset for each length
 *           a source after flags of others is priced only if its copy is longer than theirs
 *
 * Forward dynamic programming (Pavlov's LZMA; one arrival a position). Flags and literals are priced
 * from the live models, lengths and offsets from tables read off them every LZ_REFRESH bytes. Fees on
 * top of the prices trade size for the decoder's time; a position that a copy passes at next to no price
 * is skimmed over (as zstd's btopt does). A segment ends where every path meets, after
 * LZ_SEGMENT positions, or at a copy so long that nothing could beat it.
 *
 * Read once for each path; see lz_paths.h.
 */

/* Candidates at `position`; asked for once at most, in order. */
static UC_INLINE void LZ_PATH(see)(lz_encoder *e, lz_view *v, uint32_t position)
{
    UC_PREFETCH(lz_bucket_of(e->model->table, lz_context_hash(e->window + position + LZ_AHEAD)));
    e->inserted = LZ_PATH(insert_until)(e->model->table, e->window, e->inserted, position, LZ_GROUP);
    LZ_PATH(look)(v, e->shape.bits, e->model->table, e->window + position);
}

static inline void LZ_PATH(emit)(lz_encoder *e, const lz_view *v, uint32_t position, lz_token t)
{
    uc_coding rc = { &e->rc, NULL };
    lz_scene s;
    lz_scene_set(&s, &e->context, v, e->window, position);
    if (t.kind == LZ_LITERAL) {
        t.value = *s.here;
    }
    LZ_PATH(code_token)(UC_PUT, &rc, e->model, &e->shape, &e->context, &s, &t);
    lz_context_after(&e->context, &t);
    e->stale += t.length;
}

static UC_INLINE void LZ_PATH(longer)(lz_path *path, uint32_t length, unsigned kind, unsigned index,
                                      uint32_t offset)
{
    if (length > path->longest.length) {
        path->longest = (lz_token){ kind, index, length, offset };
    }
}

/* Everything that could be copied to the visited node. */
static inline void LZ_PATH(measure)(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes->context[path->i];
    const lz_view *v = path->scene.view;
    uint32_t room = lz_room(e, position), k;
    path->longest.length = 0;
    path->count = lz_find(&e->finder, position, path->matches);
    for (k = 0; k < LZ_RECENT; k++) {
        path->recent[k] = lz_common(e, path->known, position, c->recent[k], room);
        LZ_PATH(longer)(path, path->recent[k], LZ_REPEAT, k, c->recent[k]);
    }
    for (k = 0; k < v->count; k++) {
        path->named[k] = 0;
        if (v->tag[k] >> 24 == *path->scene.here) {
            path->named[k] = lz_common(e, path->known, position, position - v->place[k], room);
            LZ_PATH(longer)(path, path->named[k], LZ_NAMED, k, position - v->place[k]);
        }
    }
    if (path->count) {
        const lz_match *best = &path->matches[path->count - 1];
        if (best->length > path->longest.length + LZ_LEAD) {
            LZ_PATH(longer)(path, best->length, LZ_MATCH, 0, best->offset);
        }
    }
}

static inline void LZ_PATH(try_literal)(lz_path *path, uint32_t price)
{
    lz_encoder *e = path->e;
    lz_nodes *n = e->nodes;
    price += e->finder.effort.literal_fee;
    if (path->last == path->i) {
        n->price[++path->last] = LZ_FAR;
    }
    if ((int32_t)price >= n->price[path->i + 1]) {
        return;
    }
    price += LZ_PATH(price_literal)(e->prices, e->model, &e->shape, &path->scene, &n->context[path->i]);
    if ((int32_t)price < n->price[path->i + 1]) {
        path->ceiling = (int32_t)price > path->ceiling ? (int32_t)price : path->ceiling;
        n->price[path->i + 1] = (int32_t)price;
        n->step[path->i + 1] = lz_step(LZ_LITERAL, 0, 1);
        n->value[path->i + 1] = 0;
    }
}

static inline void LZ_PATH(try_matches)(lz_path *path, uint32_t position, uint32_t price)
{
    lz_encoder *e = path->e;
    uint32_t least = path->reach >= 3 ? path->reach + 1 : 3, k;
    const lz_context *c = &e->nodes->context[path->i];
    for (k = 0; k < path->count; k++) {
        lz_token t = { LZ_MATCH, 0, path->matches[k].length, path->matches[k].offset };
        const uint32_t *lengths = e->prices->length[c->run == 0][LZ_OF_MATCH];
        uint32_t far;
        if (least == 3 && t.length >= 3) {
            lz_token shortest = t;
            shortest.length = 3;
            far = lz_price_offset(e->prices, &e->shape, position - e->past, 3, t.value);
            LZ_PATH(arrive)(path, price + far, lengths, 3, shortest);
            least = 4;
        }
        if (t.length >= least) {
            far = lz_price_offset(e->prices, &e->shape, position - e->past, 4, t.value);
            LZ_PATH(arrive)(path, price + far, lengths, least, t);
            least = t.length + 1;
        }
    }
}

static inline void LZ_PATH(try_older)(lz_path *path, uint32_t price)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes->context[path->i];
    const lz_counter *second = &e->model->which[0][c->history], *third = &e->model->which[1][c->history];
    unsigned k;
    for (k = 1; k < LZ_RECENT; k++) {
        uint32_t which = lz_price_bit(e->prices, second, k > 1);
        if (k > 1) {
            which += lz_price_bit(e->prices, third, k > 2);
        }
        if (path->recent[k] >= 2) {
            LZ_PATH(arrive)(path, price + which, e->prices->length[c->run == 0][LZ_OF_OLDER], 2,
                            (lz_token){ LZ_REPEAT, k, path->recent[k], c->recent[k] });
        }
    }
}

/* Candidates up to the last one whose copy is longer than all before it: what follows will not win. */
static UC_INLINE uint32_t LZ_PATH(useful)(lz_path *path)
{
    uint32_t best = path->recent[0] > 1 ? path->recent[0] : 1, end = 0, k;
    for (k = 0; k < path->scene.view->count; k++) {
        if (path->named[k] > best) {
            best = path->named[k];
            end = k + 1;
        } else {
            path->named[k] = 0;
        }
    }
    path->reach = best;
    return end;
}

/* The sources in the order of the flags that lead to them: each price holds those before. */
static inline void LZ_PATH(try_copies)(lz_path *path, uint32_t position, uint32_t price)
{
    lz_encoder *e = path->e;
    const lz_context *c = &e->nodes->context[path->i];
    const lz_view *v = path->scene.view;
    const uint32_t (*lengths)[LZ_PRICED] = e->prices->length[c->run == 0];
    uint32_t flag[2], k, useful = LZ_PATH(useful)(path);
    int more = path->recent[1] > path->reach || path->recent[2] > path->reach || path->recent[3] > path->reach
        || (path->count && path->matches[path->count - 1].length > path->reach);
    lz_flag f;
    if (!useful && !path->recent[0] && !more) {
        return;
    }
    for (k = 0;; k++) {
        if (k == (v->count > 0)) {
            lz_flag_repeat(&f, e->model, &path->scene, c);
            LZ_PATH(price_flag)(e->prices, &e->shape, &f, flag);
            if (path->recent[0]) {
                LZ_PATH(arrive)(path, price + flag[1], lengths[LZ_OF_REPEAT], 1,
                                (lz_token){ LZ_REPEAT, 0, path->recent[0], c->recent[0] });
            }
            price += flag[0];
        }
        if (k == v->count) {
            break;
        }
        if (k > 0 && k >= useful && !more) {
            return;
        }
        lz_flag_named(&f, e->model, &path->scene, c, k);
        LZ_PATH(price_flag)(e->prices, &e->shape, &f, flag);
        if (path->named[k] >= 2) {
            LZ_PATH(arrive)(path, price + flag[1], lengths[lz_named_length(k, v->deep)], 2,
                            (lz_token){ LZ_NAMED, k, path->named[k], position - v->place[k] });
        }
        price += flag[0];
    }
    lz_flag_older(&f, e->model, &path->scene, c);
    LZ_PATH(price_flag)(e->prices, &e->shape, &f, flag);
    LZ_PATH(try_older)(path, price + flag[1]);
    LZ_PATH(try_matches)(path, position, price + flag[0]);
}

static inline void LZ_PATH(visit)(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    uint32_t price = (uint32_t)e->nodes->price[path->i], flag[2], reach = path->longest.length;
    lz_flag f;
    lz_flag_match(&f, e->model, &path->scene, &e->nodes->context[path->i]);
    LZ_PATH(price_flag)(e->prices, &e->shape, &f, flag);
    LZ_PATH(try_literal)(path, price + flag[0]);
    if (path->count && path->matches[path->count - 1].length > reach) {
        reach = path->matches[path->count - 1].length;
    }
    price += flag[1] + e->finder.effort.token_fee;
    if (path->longest.length < 2 && !path->recent[0]) {
        return;
    }
    if (reach > path->last - path->i || (int32_t)(price + e->prices->shortest) < path->ceiling) {
        LZ_PATH(try_copies)(path, position, price);
    }
}

/* Emits the path to node `at`. */
static void LZ_PATH(emit_path)(lz_path *path, uint32_t at)
{
    lz_encoder *e = path->e;
    lz_nodes *n = e->nodes;
    uint32_t i;
    for (i = at; i > 0; i -= lz_step_length(n->step[i])) {
        n->next[i - lz_step_length(n->step[i])] = i;
    }
    for (i = 0; i < at; i = n->next[i]) {
        uint32_t to = n->next[i];
        LZ_PATH(emit)(e, &n->view[i], path->start + i, lz_step_token(n->step[to], n->value[to]));
    }
}

/* A token so long that the parse stops for it; the finder has been asked at `position`. */
static uint32_t LZ_PATH(emit_long)(lz_path *path, uint32_t position)
{
    lz_encoder *e = path->e;
    uint32_t k;
    LZ_PATH(emit)(e, path->scene.view, position, path->longest);
    for (k = 1; k < path->longest.length; k++) {
        lz_skip(&e->finder, position + k);
    }
    return position + path->longest.length;
}

/* Whether a copy passes the visited node at next to no price: what starts here will not win. */
static UC_INLINE int LZ_PATH(is_skimmed)(const lz_path *path)
{
    const int32_t *price = path->e->nodes->price + path->i;
    uint32_t skim = path->e->finder.effort.skim;
    return skim && path->i < path->last && price[1] < price[0] + (int32_t)skim;
}

/* One segment from `start`; returns where the next one begins. */
static uint32_t LZ_PATH(parse_segment)(lz_encoder *e, lz_known *known, uint32_t start)
{
    lz_nodes *n = e->nodes;
    lz_path path;
    path.e = e;
    path.known = known;
    path.start = start;
    path.last = 0;
    path.ceiling = 0;
    n->price[0] = 0;
    n->context[0] = e->context;
    for (path.i = 0;; path.i++) {
        uint32_t i = path.i, position = start + i;
        if (i > 0) {
            lz_token t = lz_step_token(n->step[i], n->value[i]);
            n->context[i] = n->context[i - t.length];
            lz_context_after(&n->context[i], &t);
        }
        if (position == e->end || i >= LZ_SEGMENT || (i >= LZ_SEGMENT_LEAST && i == path.last)) {
            LZ_PATH(emit_path)(&path, i);
            return position;
        }
        if (LZ_PATH(is_skimmed)(&path)) {
            lz_skip(&e->finder, position);
            continue;
        }
        LZ_PATH(see)(e, &n->view[i], position);
        lz_scene_set(&path.scene, &n->context[i], &n->view[i], e->window, position);
        LZ_PATH(measure)(&path, position);
        if (path.longest.length >= e->finder.effort.nice) {
            LZ_PATH(emit_path)(&path, i);
            return LZ_PATH(emit_long)(&path, position);
        }
        LZ_PATH(visit)(&path, position);
    }
}

static void LZ_PATH(parse_optimal)(lz_encoder *e)
{
    uint32_t position = e->begin;
    lz_known known = { { 0 }, { 0 } };
    e->stale = LZ_REFRESH;
    while (position < e->end && !e->rc.overflow) {
        if (e->stale >= LZ_REFRESH) {
            lz_prices_refresh(e->prices, e->model, &e->shape);
            e->stale = 0;
        }
        position = LZ_PATH(parse_segment)(e, &known, position);
    }
}
