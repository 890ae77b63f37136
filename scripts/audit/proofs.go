// Checks the receipts of unpacked audit bundles with Go's own sumdb/note and sumdb/tlog (Debian: golang-go, golang-golang-x-mod-dev):
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run scripts/audit/proofs.go DIR ...
//
// In each directory: checkpoint and every proof are signed by the log of policy.txt and by as many of its witnesses as its quorum asks for, receipts are
// the checkpoint's entries, and each proof shows its entry in its checkpoint, at the place and in a tree that the receipts give it. One line a
// directory; the status is 0 where all hold.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// witness verifies cosignature/v1 (C2SP tlog-cosignature), which sumdb/note does not know: type 4, eight bytes of time, Ed25519.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(w.key, []byte(signed), sig[8:])
}

func newWitness(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("no verifier key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return nil, errors.New("no key of a witness")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if hex.EncodeToString(sum[:4]) != parts[1] {
		return nil, errors.New("the key id is another")
	}
	return &witness{parts[0], binary.BigEndian.Uint32(sum[:]), key[1:]}, nil
}

// A policy as bundles have it: one log, witnesses, of which any one is enough, or nobody's word is asked for.
type policy struct {
	log       note.Verifier
	witnesses []note.Verifier
	quorum    int
}

func readPolicy(text string) (*policy, error) {
	p := &policy{quorum: -1}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fields := strings.Fields(line)
		var err error
		switch {
		case len(fields) == 2 && fields[0] == "log" && p.log == nil:
			p.log, err = note.NewVerifier(fields[1])
		case len(fields) == 3 && fields[0] == "witness":
			var w note.Verifier
			w, err = newWitness(fields[2])
			p.witnesses = append(p.witnesses, w)
		case len(fields) == 3+len(p.witnesses) && fields[0] == "group" && fields[2] == "any":
		case line == "quorum none":
			p.quorum = 0
		case line == "quorum witnesses" && len(p.witnesses) > 0:
			p.quorum = 1
		default:
			err = fmt.Errorf("policy.txt: %q", line)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.log == nil || p.quorum < 0 {
		return nil, errors.New("policy.txt: no log or no quorum")
	}
	return p, nil
}

// open is the tree of a checkpoint that the log has signed, and how many witnesses have cosigned it. A signature of a known key that does not hold
// is an error, one of an unknown key is left alone.
func (p *policy) open(signed []byte) (tlog.Tree, int, error) {
	n, err := note.Open(signed, note.VerifierList(append([]note.Verifier{p.log}, p.witnesses...)...))
	if err != nil {
		return tlog.Tree{}, 0, err
	}
	isLogs, words := false, 0
	for _, sig := range n.Sigs {
		if sig.Name == p.log.Name() {
			isLogs = true
		} else {
			words++
		}
	}
	lines := strings.Split(n.Text, "\n")
	if !isLogs || len(lines) != 4 || lines[0] != p.log.Name() {
		return tlog.Tree{}, 0, errors.New("it is no checkpoint of the log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, 0, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, words, err
}

func leaf(entry string) (tlog.Hash, error) {
	raw, err := hex.DecodeString(entry)
	if err != nil || len(raw) != 32 {
		return tlog.Hash{}, fmt.Errorf("%q is no hash", entry)
	}
	return tlog.RecordHash(raw), nil
}

// trees gives the root of the first so many entries as Go's checksum database computes it, from stored hashes.
func trees(entries []string) (func(size int64) (tlog.Hash, error), error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, entry := range entries {
		raw, err := hex.DecodeString(entry)
		if err != nil {
			return nil, err
		}
		hashes, err := tlog.StoredHashes(int64(i), raw, reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
	}
	return func(size int64) (tlog.Hash, error) {
		if size < 0 || size > int64(len(entries)) {
			return tlog.Hash{}, errors.New("the receipts name fewer entries")
		}
		return tlog.TreeHash(size, reader)
	}, nil
}

// checkProof reads a C2SP tlog-proof and shows its entry in its checkpoint, which is one of the log that the receipts list: a log that shows two
// histories may have signed another.
func (p *policy) checkProof(file, entry string, entries []string, root func(size int64) (tlog.Hash, error)) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, signed, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return errors.New("it is no tlog-proof")
	}
	index, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	tree, words, err := p.open(signed)
	if err != nil {
		return err
	}
	if words < p.quorum {
		return errors.New("no witness has cosigned it")
	}
	if index < 0 || index >= int64(len(entries)) || entries[index] != entry {
		return errors.New("the receipts have the entry at another place")
	}
	if listed, err := root(tree.N); err != nil || listed != tree.Hash {
		return errors.New("its checkpoint is not one of the log that the receipts list")
	}
	hash, err := leaf(entry)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash)
}

func check(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "policy.txt"))
	if err != nil {
		return "", err
	}
	p, err := readPolicy(string(text))
	if err != nil {
		return "", err
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	tree, words, err := p.open(signed)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if words < p.quorum {
		return "", errors.New("checkpoint: no witness has cosigned it")
	}
	receipts, err := os.ReadFile(filepath.Join(dir, "receipts"))
	if err != nil {
		return "", err
	}
	entries := strings.Fields(string(receipts))
	root, err := trees(entries)
	if err != nil {
		return "", fmt.Errorf("receipts: %w", err)
	}
	hash, err := root(tree.N)
	if err != nil || int64(len(entries)) != tree.N || hash != tree.Hash {
		return "", errors.New("receipts: they are not the entries of the checkpoint")
	}
	proofs, err := filepath.Glob(filepath.Join(dir, "proofs", "*.tlog-proof"))
	if err != nil {
		return "", err
	}
	for _, file := range proofs {
		if err := p.checkProof(file, strings.TrimSuffix(filepath.Base(file), ".tlog-proof"), entries, root); err != nil {
			return "", fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	return fmt.Sprintf("%d entries, %d proofs, %d witnesses", tree.N, len(proofs), words), nil
}

func main() {
	status := 0
	for _, dir := range os.Args[1:] {
		said, err := check(dir)
		if err != nil {
			status = 1
			said = "fault " + err.Error()
		} else {
			said = "sound " + said
		}
		fmt.Printf("%s\t%s\n", dir, said)
	}
	os.Exit(status)
}
