-- Rows made by a recursion, then an index, sums by group, a join, changes and a check, in a file.
PRAGMA journal_mode = delete;
CREATE TABLE item (id INTEGER PRIMARY KEY, class INTEGER, name TEXT, price REAL);
BEGIN;
WITH RECURSIVE rows(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < :rows)
INSERT INTO item SELECT n, n * 7919 % 1000, 'item ' || (n * 104729 % 1000003), n * 31 % 9973 / 8.0 FROM rows;
COMMIT;
CREATE INDEX by_class ON item (class, price);
CREATE INDEX by_name ON item (name);
SELECT class, count(*), sum(price), max(name) FROM item GROUP BY class ORDER BY sum(price) DESC LIMIT 20;
SELECT count(*), sum(a.price) FROM item a JOIN item b ON b.id = a.id * 3 WHERE a.class < 500 AND b.price > a.price;
SELECT count(*) FROM item WHERE name LIKE '%77%';
UPDATE item SET price = price + 1 WHERE class % 10 = 3;
DELETE FROM item WHERE class % 100 = 7;
SELECT count(*), sum(price), min(name) FROM item;
PRAGMA integrity_check;
