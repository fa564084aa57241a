package imap

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

// Info is what a server says of itself, for `check`.
type Info struct {
	Capabilities []string // after login, sorted, with what they imply
	Login        string   // how we logged in: a SASL mechanism, LOGIN or PREAUTH
	Prefix       string   // of the personal namespace; empty: none
	Delimiter    string   // of mailbox names; empty: not known, or flat
	ID           map[string]string
	TLS          *TLSInfo // nil: the connection is not encrypted by us
}

// TLSInfo describes a connection's encryption.
type TLSInfo struct {
	Version     string // "TLS 1.3"
	CipherSuite string
	Subject     string // of the server's certificate
	Issuer      string
	NotAfter    time.Time
	Fingerprint string // "sha256:" and hex digits, as Options.Fingerprint takes it
}

// Check connects and logs in, and tells what the server offers. The connection
// stays, for the next call to use.
func (a *Account) Check(ctx context.Context) (*Info, error) {
	a.listing.Lock()
	defer a.listing.Unlock()
	st, err := a.takeStage(ctx)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Info, error) {
		st.kill()
		a.pool.drop()
		return nil, a.secrets.wrap(err)
	}
	stop := context.AfterFunc(ctx, func() { st.control.link.socket.Close() })
	id, err := st.describe(ctx)
	if !stop() {
		return fail(context.Cause(ctx))
	}
	if err != nil {
		return fail(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.info.Capabilities = capabilityNames(st.caps)
	a.info.Login = st.how
	a.info.ID = id
	if state := st.control.link.tlsState(); state != nil {
		a.info.TLS = tlsInfo(state)
	}
	a.worked = true
	a.spare = st
	info := a.info
	return &info, nil
}

// describe asks for the namespace and the server's ID in one flight.
func (st *stage) describe(ctx context.Context) (map[string]string, error) {
	found := newListing()
	st.control.listen(found.take)
	defer found.end()
	var wait func() error
	if st.caps.Has(goimap.CapID) {
		var err error
		if wait, err = st.send(ctx, "ID NIL"); err != nil {
			return nil, err
		}
	}
	if st.caps.Has(goimap.CapNamespace) {
		data, err := st.client.Namespace().Wait()
		if err != nil {
			return nil, st.lost(ctx, "NAMESPACE", err)
		}
		st.account.sawNamespace(data)
	}
	if wait != nil {
		if err := wait(); err != nil {
			if _, no := refused(err); !no {
				return nil, st.lost(ctx, "ID", err)
			}
		}
	}
	id := found.identity()
	for field, value := range id {
		id[field] = st.account.secrets.clean(value)
	}
	return id, nil
}

func tlsInfo(state *tls.ConnectionState) *TLSInfo {
	info := &TLSInfo{Version: tls.VersionName(state.Version), CipherSuite: tls.CipherSuiteName(state.CipherSuite)}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		info.Subject, info.Issuer, info.NotAfter = leaf.Subject.String(), leaf.Issuer.String(), leaf.NotAfter
		info.Fingerprint = fmt.Sprintf("sha256:%s", hex.EncodeToString(sum[:]))
	}
	return info
}

// Capabilities returns what the server announced after the last login, sorted;
// nil before the first.
func (a *Account) Capabilities() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.info.Capabilities)
}
