// A client of transparency logs that is not ours (golang.org/x/mod/sumdb) reads a published log: the checkpoint's
// signature, leaves by their proofs over the tiles, and that an older tree is part of this one.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct {
	folder string
	tree   tlog.Tree
}

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(asked []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, 0, len(asked))
	for _, tile := range asked {
		// c2sp.org/tlog-tiles names tiles without their height, which is always 8.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	folder := os.Args[1]
	key, err := os.ReadFile(filepath.Join(folder, "key"))
	check(err)
	verifier, err := note.NewVerifier(strings.TrimSpace(strings.SplitN(string(key), "\n", 2)[0]))
	check(err)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	reader := tlog.TileHashReader(tree, tiles{folder, tree})

	entries, proved := int64(0), 0
	stride := size/400 + 1 // a proof reads its tiles anew: some hundreds are enough
	for bundle := int64(0); entries < size; bundle++ {
		width := size - entries
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: bundle, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		check(err)
		for ; width > 0; width-- {
			length := int(binary.BigEndian.Uint16(data))
			record := tlog.RecordHash(data[2 : 2+length])
			if entries%stride == 0 || entries == size-1 {
				proof, err := tlog.ProveRecord(size, entries, reader)
				check(err)
				check(tlog.CheckRecord(proof, size, tree.Hash, entries, record))
				proved++
			}
			data = data[2+length:]
			entries++
		}
		if len(data) != 0 {
			check(fmt.Errorf("bundle %d has more than its entries", bundle))
		}
	}
	half := size / 2
	if half > 0 {
		older, err := tlog.TreeHash(half, reader)
		check(err)
		proof, err := tlog.ProveTree(size, half, reader)
		check(err)
		check(tlog.CheckTree(proof, size, tree.Hash, half, older))
	}
	fmt.Printf("{\"signer\": %q, \"size\": %d, \"entries\": %d, \"proved\": %d}\n", opened.Sigs[0].Name, size, entries, proved)
}
