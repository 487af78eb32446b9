/* glibc's functions on strings, wide strings and character sets: each result is checked against a loop of ours at many
   alignments, lengths and at the end of a page, and a digest of the results is printed to compare with other machines.
   The implementations that glibc chooses by CPU are switched by GLIBC_TUNABLES.
   Truth: ISO C17 7.24 and 7.29; POSIX; Unicode 15 for the forms of characters. */
#define _GNU_SOURCE
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <wchar.h>
#include "numbers.h"

#define PAGE 4096
#define ROOM (4 * PAGE)
/* Two areas, each followed by a page that is not there. */
static unsigned char *area[2];
static unsigned char plain[ROOM], expected[ROOM];
static const char *name;
static int wrong;

static void must(int right, size_t a, size_t b, size_t c)
{
    if (!right && ++wrong <= 20)
        printf("%s with %zu %zu %zu = WRONG\n", name, a, b, c);
}
static void begin(const char *function)
{
    name = function;
    number_state = 1;
    digest_begin();
    wrong = 0;
}
static void end(void) { printf("%s = %016llx, %d wrong\n", name, (unsigned long long)digest_state, wrong); }

static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 17, 18, 23, 30, 31, 32, 33, 47, 48, 49, 62, 63, 64, 65,
    79, 80, 81, 127, 128, 129, 191, 240, 254, 255, 256, 257, 258, 300, 511, 512, 513, 767, 768, 769, 1023, 1024, 1025, 4095, 4096,
    4097, 5000, 8192, 9001};
#define LENGTHS (sizeof lengths / sizeof *lengths)
static int sign(long x) { return (x > 0) - (x < 0); }

/* Where an operand of `length` bytes begins in area `which`: place 0 to 17 from the beginning, or so that it ends
   0 to 5 bytes before what is not there. */
#define PLACES 24
static unsigned char *place(int which, int at, size_t length)
{
    return at < 18 ? area[which] + at : area[which] + ROOM - length - (size_t)(at - 18);
}
static void fill(unsigned char *to, size_t length, int letters)
{
    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)(letters ? 'a' + number() % (unsigned)letters : number());
}
/* Every combination for short operands, a few places for long ones. */
#define EACH(...) \
    for (size_t l = 0; l < LENGTHS; l++) \
        for (int p = 0; p < PLACES; p++) \
            for (int q = 0; q < PLACES; q++) { \
                size_t length = lengths[l]; \
                if ((length > 100 && (p * 7 + q) % 11) || (length > 1100 && (p * 5 + q) % 7)) \
                    continue; \
                __VA_ARGS__ \
            }
#define EACH_PLACE(...) \
    for (size_t l = 0; l < LENGTHS; l++) \
        for (int p = 0; p < PLACES; p++) { \
            size_t length = lengths[l]; \
            if (length > 1100 && p % 5) \
                continue; \
            __VA_ARGS__ \
        }

static void copies(void)
{
    begin("memcpy");
    EACH(unsigned char *to = place(0, p, length), *from = place(1, q, length); fill(from, length, 0); memset(to, 1, length);
         must(memcpy(to, from, length) == to, length, (size_t)p, (size_t)q);
         int same = 1; for (size_t i = 0; i < length; i++) same &= to[i] == from[i]; must(same, length, (size_t)p, (size_t)q);
         digest(length ? to[length - 1] : 0);)
    end();
    begin("mempcpy");
    EACH(unsigned char *to = place(0, p, length), *from = place(1, q, length);
         must(mempcpy(to, from, length) == to + length, length, (size_t)p, (size_t)q); digest(length ? to[length / 2] : 0);)
    end();
    begin("memmove");
    for (size_t l = 0; l < LENGTHS; l++)
        for (int distance = -70; distance <= 70; distance++) {
            size_t length = lengths[l], span = length + 140;
            if (span > ROOM || (length > 300 && distance % 8))
                continue;
            unsigned char *base = area[0] + ROOM - span, *from = base + 70;
            fill(base, span, 0);
            for (size_t i = 0; i < span; i++)
                expected[i] = base[i];
            for (size_t i = 0; i < length; i++)
                plain[i] = from[i];
            for (size_t i = 0; i < length; i++)
                expected[(size_t)(70 + distance) + i] = plain[i];
            must(memmove(from + distance, from, length) == from + distance, length, (size_t)distance, 0);
            int same = 1;
            for (size_t i = 0; i < span; i++)
                same &= base[i] == expected[i];
            must(same, length, (size_t)distance, 1);
            digest(base[span / 2]);
        }
    end();
    begin("memset");
    EACH_PLACE(unsigned char *to = place(0, p, length); int value = (int)number();
               memset(to, value, length);
               int same = 1; for (size_t i = 0; i < length; i++) same &= to[i] == (unsigned char)value;
               must(same, length, (size_t)p, 0); digest((unsigned char)value);)
    end();
    begin("bzero");
    EACH_PLACE(unsigned char *to = place(0, p, length); fill(to, length, 3); explicit_bzero(to, length);
               int same = 1; for (size_t i = 0; i < length; i++) same &= to[i] == 0; must(same, length, (size_t)p, 0);)
    end();
    begin("memccpy");
    EACH_PLACE(unsigned char *to = place(0, p, length), *from = place(1, (p * 5) % PLACES, length); fill(from, length, 20);
               size_t at = 0; while (at < length && from[at] != 'q') at++;
               void *r = memccpy(to, from, 'q', length);
               must(r == (at < length ? to + at + 1 : NULL), length, (size_t)p, at); digest(at);)
    end();
}

static void searches(void)
{
    begin("memcmp");
    EACH(unsigned char *a = place(0, p, length), *b = place(1, q, length); fill(a, length, 0);
         for (size_t i = 0; i < length; i++) b[i] = a[i];
         must(memcmp(a, b, length) == 0, length, (size_t)p, (size_t)q);
         if (length) { size_t at = number() % length; b[at] ^= (unsigned char)(1 + number() % 255);
             int r = sign(memcmp(a, b, length)); must(r == (a[at] < b[at] ? -1 : 1), length, at, (size_t)q); digest((unsigned)r); })
    end();
    begin("memchr");
    EACH(unsigned char *a = place(0, p, length); fill(a, length, 5); size_t at = q * length / PLACES; int there = length > 0;
         if (there) a[at] = 0xe7;
         must(memchr(a, 0xe7, length) == (there ? a + at : NULL), length, at, (size_t)p);
         must(memrchr(a, 0x1e7, length) == (there ? a + at : NULL), length, at, (size_t)p);
         if (there) must(rawmemchr(a, 0xe7) == a + at, length, at, (size_t)p);
         must(memchr(a, 0xe8, length) == NULL, length, at, 1); digest(at);)
    end();
    begin("strlen");
    EACH_PLACE(char *a = (char *)place(0, p, length + 1); fill((unsigned char *)a, length, 26); a[length] = 0;
               must(strlen(a) == length, length, (size_t)p, 0);
               for (size_t limit = length > 20 ? length - 20 : 0; limit < length + 20; limit++)
                   must(strnlen(a, limit) == (limit < length ? limit : length), length, (size_t)p, limit);
               must(strnlen(a, SIZE_MAX) == length, length, (size_t)p, 1);)
    end();
    begin("strchr");
    EACH(char *a = (char *)place(0, p, length + 1); fill((unsigned char *)a, length, 5); a[length] = 0;
         size_t at = q * length / PLACES; int there = length > 0;
         if (there) { a[at] = (char)0xe7; if (at > 3) a[at - 2] = (char)0xe8; }
         must(strchr(a, 0xe7) == (there ? a + at : NULL), length, at, (size_t)p);
         must(strchr(a, 0) == a + length, length, at, (size_t)p);
         must(strchrnul(a, 0xe7) == (there ? a + at : a + length), length, at, (size_t)p);
         must(strrchr(a, 0xe7) == (there ? a + at : NULL), length, at, (size_t)p);
         must(strrchr(a, 0) == a + length, length, at, (size_t)p);
         char *r = strrchr(a, 'c'); size_t last = SIZE_MAX; for (size_t i = 0; i < length; i++) if (a[i] == 'c') last = i;
         must(last == SIZE_MAX ? r == NULL : r == a + last, length, last, (size_t)p); digest(last);)
    end();
    begin("strspn");
    EACH_PLACE(char *a = (char *)place(0, p, length + 1); fill((unsigned char *)a, length, 3); a[length] = 0;
               if (length > 2) a[length - 2] = 'x';
               size_t at = length > 2 ? length - 2 : length;
               must(strspn(a, "bcade") == at, length, (size_t)p, 0); must(strcspn(a, "xyz0123456789") == at, length, (size_t)p, 1);
               must(strpbrk(a, "0x") == (length > 2 ? a + at : NULL), length, (size_t)p, 2);
               digest(strspn(a, "ab"));)
    end();
    begin("strstr");
    EACH(if (length > 1100 || q > 12) continue; char *a = (char *)place(0, p, length + 1); fill((unsigned char *)a, length, 2);
         a[length] = 0; size_t part = q * 3; char *b = (char *)place(1, (p * 3 + q) % PLACES, part + 1);
         fill((unsigned char *)b, part, 2); b[part] = 0;
         if (part <= length && number() % 2) { size_t at = number() % (length - part + 1); for (size_t i = 0; i < part; i++) b[i] = a[at + i]; }
         size_t first = SIZE_MAX;
         for (size_t i = 0; part <= length && i <= length - part && first == SIZE_MAX; i++) {
             size_t j = 0; while (j < part && a[i + j] == b[j]) j++; if (j == part) first = i; }
         char *want = first == SIZE_MAX ? NULL : a + first;
         must(strstr(a, b) == want, length, part, (size_t)p); must(memmem(a, length, b, part) == want, length, part, (size_t)p);
         must(strcasestr(a, b) == want, length, part, (size_t)p); digest(first);)
    end();
}

static void strings(void)
{
    begin("strcpy");
    EACH(char *to = (char *)place(0, p, length + 1), *from = (char *)place(1, q, length + 1); fill((unsigned char *)from, length, 26);
         from[length] = 0; memset(to, 1, length + 1); must(strcpy(to, from) == to, length, (size_t)p, (size_t)q);
         int same = 1; for (size_t i = 0; i <= length; i++) same &= to[i] == from[i]; must(same, length, (size_t)p, (size_t)q);
         must(stpcpy(to, from) == to + length, length, (size_t)p, (size_t)q); digest((unsigned char)to[length / 2]);)
    end();
    begin("strncpy");
    EACH(size_t limit = length + (size_t)(q % 5) * 9; if (limit > 9000) continue; char *to = (char *)place(0, p, limit);
         size_t take = q % 2 ? length : length + 1; char *from = (char *)place(1, q, take);
         fill((unsigned char *)from, length, 26); if (take > length) from[length] = 0; else limit = length < limit ? length : limit;
         memset(to, 1, limit); must(strncpy(to, from, limit) == to, length, (size_t)p, (size_t)q);
         int same = 1; for (size_t i = 0; i < limit; i++) same &= to[i] == (i < length ? from[i] : 0);
         must(same, length, (size_t)p, (size_t)q); memset(to, 1, limit);
         must(stpncpy(to, from, limit) == to + (length < limit ? length : limit), length, (size_t)p, (size_t)q); digest(limit);)
    end();
    begin("strcat");
    EACH(if (length > 5000) continue; size_t head = (size_t)(q * 5); char *to = (char *)place(0, p, head + length + 1), *from = (char *)place(1, q, length + 1);
         fill((unsigned char *)from, length, 26); from[length] = 0; fill((unsigned char *)to, head, 26); to[head] = 0;
         must(strcat(to, from) == to && strlen(to) == head + length, length, head, (size_t)p);
         int same = 1; for (size_t i = 0; i <= length; i++) same &= to[head + i] == from[i]; must(same, length, head, (size_t)p);
         to[head] = 0; size_t limit = length / 2 + (size_t)(q & 1) * length; size_t took = limit < length ? limit : length;
         strncat(to, from, limit); must(strlen(to) == head + took, length, head, limit); digest((unsigned char)to[(head + took) / 2]);)
    end();
    begin("strcmp");
    EACH(char *a = (char *)place(0, p, length + 1), *b = (char *)place(1, q, length + 1); fill((unsigned char *)a, length, 26); a[length] = 0;
         for (size_t i = 0; i <= length; i++) b[i] = a[i];
         must(strcmp(a, b) == 0 && strncmp(a, b, length + 9) == 0 && strcasecmp(a, b) == 0, length, (size_t)p, (size_t)q);
         if (length) { size_t at = number() % length; b[at] = (char)(number() % 7 ? 0xc0 + number() % 60 : 0);
             must(sign(strcmp(a, b)) == ((unsigned char)a[at] < (unsigned char)b[at] ? -1 : 1), length, at, (size_t)p);
             must(sign(strncmp(a, b, at)) == 0, length, at, (size_t)p);
             must(sign(strncmp(a, b, at + 1)) == ((unsigned char)a[at] < (unsigned char)b[at] ? -1 : 1), length, at, (size_t)p);
             b[at] = (char)(a[at] - 'a' + 'A'); must(strcasecmp(a, b) == 0 && strncasecmp(a, b, length) == 0, length, at, (size_t)q); digest(at); })
    end();
}

static void wide(void)
{
    begin("wide");
    for (size_t length = 0; length < 90; length++)
        for (int p = 0; p < 8; p++)
            for (int q = 0; q < 8; q++) {
                size_t bytes = (length + 1) * sizeof(wchar_t);
                wchar_t *a = (wchar_t *)(p < 5 ? area[0] + p * 4 : area[0] + ROOM - bytes - (size_t)(p - 5) * 4);
                wchar_t *b = (wchar_t *)(q < 5 ? area[1] + q * 4 : area[1] + ROOM - bytes - (size_t)(q - 5) * 4);
                for (size_t i = 0; i < length; i++)
                    a[i] = (wchar_t)(0x100 + number() % 0x10000);
                a[length] = 0;
                must(wcslen(a) == length && wcsnlen(a, length + 5) == length && wcsnlen(a, length / 2) == length / 2, length, 1, 0);
                must(wcscpy(b, a) == b && wmemcmp(a, b, length + 1) == 0 && wcscmp(a, b) == 0, length, 2, 0);
                must(wcpcpy(b, a) == b + length && wcsncpy(b, a, length) == b && wcpncpy(b, a, length) == b + length, length, 3, 0);
                size_t at = length ? number() % length : 0;
                if (length) {
                    a[at] = 0x5a5a5; /* unlike each other one */
                    must(wcschr(a, 0x5a5a5) == a + at && wcsrchr(a, 0x5a5a5) == a + at && wcschrnul(a, 0x5a5a5) == a + at, length, 4, at);
                    must(wmemchr(a, 0x5a5a5, length) == a + at && wmemchr(a, 0x5a5a6, length) == NULL, length, 5, at);
                    must(sign(wcscmp(a, b)) == 1 && sign(wcsncmp(b, a, length)) == -1 && wcsncmp(a, b, at) == 0, length, 6, at);
                    must(sign(wmemcmp(a, b, length)) == 1, length, 7, at);
                    must(wcsspn(a, b) <= length && wcscspn(a, L"\x5a5a5") == at && wcspbrk(a, L"\x5a5a5xy") == a + at, length, 8, at);
                    must(wcsstr(a, L"\x5a5a5") == a + at, length, 9, at);
                }
                wmemset(b, 0x7fffffff, length);
                for (size_t i = 0; i < length; i++)
                    must(b[i] == 0x7fffffff, length, 10, i);
                b[length / 2] = 0;
                if (length < 40) {
                    a[length / 2] = 0;
                    must(wcslen(wcscat(wcscpy((wchar_t *)plain, a), b)) == wcslen(a) + length / 2, length, 11, 0);
                    must(wcslen(wcsncat((wchar_t *)plain, b, 3)) >= length / 2, length, 12, 0);
                }
                digest(wcslen(a));
            }
    end();
}

/* One conversion: what came out, where it stopped and why. `glibc-strings sets "UTF-8 to UTF-32BE"` shows each. */
static const char *shown;
static void convert(const char *to, const char *from, const unsigned char *bytes, size_t length, size_t space)
{
    static unsigned char out[1 << 20];
    iconv_t conversion = iconv_open(to, from);
    if (conversion == (iconv_t)-1) {
        printf("%s to %s = not offered\n", from, to);
        return;
    }
    char *in = (char *)bytes, *at = (char *)out;
    size_t left = length, room = space < sizeof out ? space : sizeof out;
    errno = 0;
    size_t result = iconv(conversion, &in, &left, &at, &room);
    int error = errno == EILSEQ || errno == EINVAL || errno == E2BIG ? errno : 0;
    digest(result);
    /* Which error is told where the input is wrong or cut and the output is full as well depends on the number of steps that
       a conversion has, so that it is not compared. */
    digest(left);
    digest((size_t)(at - (char *)out));
    for (unsigned char *p = out; p < (unsigned char *)at; p++)
        digest(*p);
    iconv_close(conversion);
    if (shown && !strcmp(shown, name) && length < 300) {
        printf("%zu bytes", length);
        for (size_t i = 0; i < length; i++)
            printf("%s%02x", i % 4 ? "" : " ", bytes[i]);
        printf(", room %zd = %zd errno %d left %zu out", (ssize_t)space, (ssize_t)result, error, left);
        for (unsigned char *p = out; p < (unsigned char *)at; p++)
            printf("%s%02x", (p - out) % 4 ? "" : " ", *p);
        printf("\n");
    }
}

static void character_sets(void)
{
    static const char *forms[] = {"UTF-8", "UTF-16BE", "UTF-32BE", "UTF-16LE", "UCS-4LE", "UCS-2BE"};
    static unsigned char text[8][1 << 20];
    /* Every 61st character, and stretches of the one-byte ones as in real text; made as UTF-32. */
    size_t count = 0;
    for (unsigned c = 1; c < 0x110000; c += c < 0x900 ? 1 : 61) {
        if (c >= 0xd800 && c < 0xe000)
            continue;
        for (unsigned i = 0; i < (c % 5 ? 1 : 9); i++, count++) {
            unsigned value = i ? 'a' + (c + i) % 26 : c;
            for (int b = 0; b < 4; b++)
                text[2][count * 4 + (size_t)b] = (unsigned char)(value >> (24 - 8 * b));
        }
    }
    size_t sizes[6] = {0, 0, count * 4, 0, 0, 0};
    for (int form = 0; form < 6; form++) {
        if (form == 2)
            continue;
        iconv_t conversion = iconv_open(form == 5 ? "UTF-16BE" : forms[form], "UTF-32BE");
        char *in = (char *)text[2], *out = (char *)text[form];
        size_t left = sizes[2], room = sizeof text[form];
        if (conversion == (iconv_t)-1 || iconv(conversion, &in, &left, &out, &room) != 0)
            printf("UTF-32BE to %s = %s\n", forms[form], strerror(errno));
        sizes[form] = sizeof text[form] - room;
        if (conversion != (iconv_t)-1)
            iconv_close(conversion);
    }
    for (int from = 0; from < 6; from++)
        for (int to = 0; to < 6; to++) {
            char line[40];
            if (from == to)
                continue;
            snprintf(line, sizeof line, "%s to %s", forms[from], forms[to]);
            begin(line);
            convert(forms[to], forms[from], text[from], sizes[from], SIZE_MAX);
            number_state = 9;
            /* Short ones, cut anywhere, with too little room, with wrong bytes. */
            for (int i = 0; i < 1500; i++) {
                size_t length = number() % 120, at = number() % (sizes[from] - 200) & ~3ull;
                unsigned char *bytes = area[0] + ROOM - length;
                for (size_t b = 0; b < length; b++)
                    bytes[b] = text[from][at + b];
                if (i % 3 == 0 && length)
                    bytes[number() % length] = (unsigned char)(0x80 | number());
                convert(forms[to], forms[from], bytes, length, i % 3 == 1 ? number() % 100 : SIZE_MAX);
            }
            end();
        }
    static const char *tables[] = {"IBM037", "IBM1047", "ISO-8859-15", "CP1252", "EUC-JP", "SHIFT_JIS", "GB18030", "BIG5", "KOI8-R"};
    for (unsigned table = 0; table < sizeof tables / sizeof *tables; table++) {
        begin(tables[table]);
        for (int i = 0; i < 256; i++)
            plain[i] = (unsigned char)i;
        for (size_t at = 0; at < 256; at++)
            convert("UTF-8", tables[table], plain + at, 256 - at, SIZE_MAX);
        convert(tables[table], "UTF-8", text[0], sizes[0], SIZE_MAX);
        convert(tables[table], "ISO-8859-1", plain, 256, SIZE_MAX);
        convert("ISO-8859-1", tables[table], plain, 256, SIZE_MAX);
        end();
    }
}

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *only = count > 1 ? words[1] : "";
    shown = count > 2 ? words[2] : NULL;
    for (int i = 0; i < 2; i++) {
        area[i] = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area[i] == MAP_FAILED || mprotect(area[i] + ROOM, PAGE, PROT_NONE))
            return 2;
    }
    if (!*only || !strcmp(only, "copies"))
        copies();
    if (!*only || !strcmp(only, "searches"))
        searches();
    if (!*only || !strcmp(only, "strings"))
        strings();
    if (!*only || !strcmp(only, "wide"))
        wide();
    if (!*only || !strcmp(only, "sets"))
        character_sets();
    return 0;
}
