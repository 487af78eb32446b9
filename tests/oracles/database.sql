-- SQLite with everything that its command line program has: tables, indexes, triggers, windows, recursion, text search,
-- JSON, R-trees and arithmetic. What it prints is compared with other machines. Truth: sqlite.org/lang.html.
.bail on
.timer off
PRAGMA journal_mode = WAL;
PRAGMA page_size;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d BLOB);
CREATE INDEX ta ON t (a);
CREATE INDEX tc ON t (c COLLATE NOCASE, b DESC);
CREATE TABLE log (what TEXT, n INTEGER);
CREATE TRIGGER tu AFTER UPDATE ON t WHEN new.a % 97 = 0 BEGIN INSERT INTO log VALUES ('update', new.id); END;
CREATE TRIGGER td AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('delete', old.id); END;
BEGIN;
WITH RECURSIVE r (i, x) AS (
    SELECT 1, 12345
    UNION ALL
    SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM r WHERE i < 12000
)
INSERT INTO t SELECT i, x % 1009, x / 65536.0 - 7000, printf('%08x-%s', x, char(65 + x % 26, 945 + x % 24)), CAST(hex(x) AS BLOB) FROM r;
COMMIT;
SELECT 'rows', count(*), sum(a), printf('%.6f', sum(b)), min(c), max(c), total(length(d)) FROM t;
UPDATE t SET a = a * 3, b = b * 1.5 + id / 7.0 WHERE id % 5 = 0;
DELETE FROM t WHERE a BETWEEN 300 AND 360;
SELECT 'log', what, count(*), sum(n) FROM log GROUP BY what;
SELECT 'group', a % 10, count(*), printf('%.9g', avg(b)), max(c) FROM t GROUP BY a % 10 ORDER BY 2;
SELECT 'join', count(*), sum(x.id * y.id % 1000) FROM t x JOIN t y ON x.a = y.a AND x.id < y.id;
SELECT 'nocase', group_concat(c, ';') FROM (SELECT c FROM t WHERE c LIKE '0000%' ORDER BY c COLLATE NOCASE);
SELECT 'window', id, a, sum(a) OVER w, rank() OVER w, lag(a, 2, -1) OVER w, printf('%.6f', avg(b) OVER (ORDER BY id ROWS 5 PRECEDING))
    FROM t WHERE id < 60 WINDOW w AS (PARTITION BY a % 7 ORDER BY id) ORDER BY id;
SELECT 'glob', count(*) FROM t WHERE c GLOB '*[a-c]?-[K-P]*';
SELECT 'text', upper(c), lower(c), length(c), unicode(substr(c, -1)), instr(c, '-'), replace(c, '0', '_'), quote(d), hex(c) FROM t WHERE id % 1999 = 0;
SELECT 'math', printf('%.12g', sqrt(id)), printf('%.12g', ln(id)), printf('%.12g', pow(1.001, id)), id % 17, id << 3, id >> 2, ~id, id & 85, id | 85,
    CAST(b AS INTEGER), round(b, 2), abs(b) FROM t WHERE id % 2003 = 0;
SELECT 'number', 9223372036854775807 + 0, 9223372036854775807 + 1, -9223372036854775808, 1e308 * 10, 0.1 + 0.2, 1 / 3.0, 5 / 0, '12abc' + 1, 1e15, 1e16,
    123456789012345678, 4.35, 0.5e-320, CAST('9e99' AS REAL), CAST(1.9999999 AS INTEGER);
SELECT 'date', date(86400 * 365 * n, 'unixepoch', '+1 month', 'start of month'), julianday('2000-01-01', n || ' days'), strftime('%W %j %H:%M', n * 1234567, 'unixepoch')
    FROM (VALUES (0), (1), (17), (33), (52)) AS v (n) CROSS JOIN (SELECT 1) WHERE typeof(n) = 'integer' OR 1;
CREATE VIRTUAL TABLE f USING fts5 (body);
INSERT INTO f SELECT c || ' ' || substr('the quick brown fox jumps over the lazy dog', 1 + id % 20, 20) FROM t;
SELECT 'fts', count(*), min(rowid), max(rowid) FROM f WHERE f MATCH 'quick OR lazy';
SELECT 'fts', rowid, printf('%.6f', bm25(f)) FROM f WHERE f MATCH 'brown AND fox' ORDER BY bm25(f), rowid LIMIT 5;
CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1, y0, y1);
INSERT INTO boxes SELECT id, a, a + 5, b, b + 10 FROM t;
SELECT 'rtree', count(*), sum(id) FROM boxes WHERE x0 > 200 AND x1 < 400 AND y0 > 0;
SELECT 'json', json_group_array(json_object('id', id, 'b', b, 'c', c)) FROM t WHERE id < 20;
SELECT 'json', json_extract('{"a":[1,2.5,{"b":"\u00e9\n"}]}', '$.a[2].b', '$.a[1]', '$.a'), json_set('{"x":1}', '$.y', json('[true,null,1e3]'));
WITH RECURSIVE
    cols (x) AS (SELECT -2.0 UNION ALL SELECT x + 0.08 FROM cols WHERE x < 0.8),
    rows (y) AS (SELECT -1.2 UNION ALL SELECT y + 0.2 FROM rows WHERE y < 1.2),
    m (n, cx, cy, x, y) AS (
        SELECT 0, x, y, 0.0, 0.0 FROM cols, rows
        UNION ALL
        SELECT n + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE x * x + y * y < 4.0 AND n < 22)
SELECT 'mandelbrot', group_concat(line, '/') FROM (SELECT group_concat(substr(' .+*#', 1 + max(n) / 5, 1), '') AS line FROM (SELECT max(n) AS n, cx, cy FROM m GROUP BY cy, cx) GROUP BY cy, cx);
SELECT 'mandelbrot', cy > -0.5, sum(n), max(n) FROM (SELECT max(n) AS n, cx, cy FROM (SELECT 1 AS n, id % 9 AS cx, id % 7 - 3.0 AS cy FROM t) GROUP BY cy, cx) GROUP BY cy > -0.5;
WITH RECURSIVE queens (board, n) AS (
    SELECT '', 0
    UNION ALL
    SELECT board || c.column1, n + 1 FROM queens, (VALUES (1), (2), (3), (4), (5), (6)) AS c
    WHERE n < 6 AND NOT EXISTS (
        SELECT 1 FROM (VALUES (1), (2), (3), (4), (5), (6)) AS p
        WHERE p.column1 <= n AND (substr(board, p.column1, 1) + 0 = c.column1 OR abs(substr(board, p.column1, 1) - c.column1) = n + 1 - p.column1)))
SELECT 'queens', group_concat(board) FROM queens WHERE n = 6;
ANALYZE;
PRAGMA integrity_check;
INSERT INTO f (f) VALUES ('integrity-check');
VACUUM;
PRAGMA integrity_check;
PRAGMA quick_check;
PRAGMA wal_checkpoint (TRUNCATE);
SELECT 'pages', page_count FROM pragma_page_count;
.sha3sum
