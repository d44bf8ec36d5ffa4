/* SPDX-License-Identifier: Apache-2.0 */
#include "check/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"

/* A mapped file. Nothing in it is trusted before it is seen to lie within. */
struct image {
    const unsigned char *bytes;
    size_t size;
};

/* `count` things of `size` bytes at `offset`, or NULL. None may begin where the machine could not
 * read it. */
static const void *part(const struct image *image, uint64_t offset, uint64_t count, uint64_t size) {
    uint64_t alignment = size < sizeof(ElfW(Addr)) ? size : sizeof(ElfW(Addr));
    if (offset > image->size || count > (image->size - offset) / size || offset % alignment)
        return NULL;
    return image->bytes + offset;
}

static bool made_by_linker(const char *name) {
    static const char *const names[] = {"_init", "_fini",       "_edata",
                                        "_end",  "__bss_start", "_etext"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_offered(const ElfW(Sym) * symbol) {
    unsigned int binding = ELF64_ST_BIND(symbol->st_info);
    unsigned int visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    return symbol->st_shndx != SHN_UNDEF && binding != STB_LOCAL &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static int walk(const struct image *image, const ElfW(Shdr) * table, const ElfW(Shdr) * names,
                int (*each)(const char *name, void *user), void *user) {
    size_t count = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbols = part(image, table->sh_offset, count, sizeof(*symbols));
    const char *text = part(image, names->sh_offset, names->sh_size, 1);
    if (!symbols || !text || names->sh_size == 0 || text[names->sh_size - 1] != '\0')
        return -ENOEXEC;
    for (size_t i = 0; i < count; i++) {
        if (symbols[i].st_name >= names->sh_size)
            return -ENOEXEC;
        const char *name = text + symbols[i].st_name;
        int r = is_offered(&symbols[i]) && !made_by_linker(name) ? each(name, user) : 0;
        if (r != 0)
            return r;
    }
    return 0;
}

static int walk_image(const struct image *image, int (*each)(const char *name, void *user),
                      void *user) {
    const ElfW(Ehdr) *header = part(image, 0, 1, sizeof(*header));
    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_shentsize != sizeof(ElfW(Shdr)))
        return -ENOEXEC;
    const ElfW(Shdr) *sections = part(image, header->e_shoff, header->e_shnum, sizeof(*sections));
    for (size_t i = 0; sections && i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < header->e_shnum)
            return walk(image, &sections[i], &sections[sections[i].sh_link], each, user);
    return -ENOEXEC;
}

int elf_exports(const char *path, int (*each)(const char *name, void *user), void *user,
                struct shim_error *error) {
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(error, -errno, "%s: %s", path, strerror(errno));
    struct image image = {.size = (size_t)status.st_size};
    void *bytes = mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set(error, -errno, "%s: %s", path, strerror(errno));
    image.bytes = bytes;
    int r = walk_image(&image, each, user);
    munmap(bytes, image.size);
    return r == -ENOEXEC ? error_set(error, r, "%s has no usable table of dynamic symbols", path)
                         : r;
}
