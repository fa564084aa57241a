package imap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// stage is a connection in the control plane: logged in, in the hands of
// imapclient.
type stage struct {
	account *Account
	control *control
	client  *imapclient.Client
	caps    goimap.CapSet // after login, with what they imply
	how     string        // how we logged in
}

// login makes a connection and logs in. It takes three turns at most where the
// server tells its capabilities without being asked, as most do: the greeting,
// AUTHENTICATE with the initial response in it, and no CAPABILITY.
func (a *Account) login(ctx context.Context) (*stage, error) {
	if a.isClosed() {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 3*a.options.Timeout, errLoginTime)
	defer cancel()
	c, greeting, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.link.socket.Close() })
	defer stop()
	st := &stage{account: a, control: c}
	if err := st.start(ctx, greeting); err != nil {
		st.kill()
		var said string
		if t, ok := tunnelOf(c.link); ok {
			said = a.secrets.clean(t.said())
		}
		err = a.secrets.wrap(err)
		if said != "" {
			err = fmt.Errorf("%w (%s)", err, said)
		}
		return nil, err
	}
	return st, nil
}

func tunnelOf(l *link) (*tunnel, bool) {
	m, ok := l.socket.(*metered)
	if !ok {
		return nil, false
	}
	t, ok := m.Conn.(*tunnel)
	return t, ok
}

// start gives the connection to imapclient, and logs in unless the server says
// that we are.
func (st *stage) start(ctx context.Context, greeting string) error {
	c := st.control
	_, kind, rest := splitResponse([]byte(greeting))
	if code, list, text := splitCode(string(rest)); code == "CAPABILITY" {
		c.setCaps(list)
	} else if code == "ALERT" {
		c.notice(text)
	}
	// imapclient would ask for capabilities by itself if the greeting had none.
	c.out = []byte("* " + kind + " [CAPABILITY " + c.shownCaps() + "] -\r\n")
	st.client = imapclient.New(c, nil)
	if err := st.client.WaitGreeting(); err != nil {
		return st.lost(ctx, "waiting for the greeting", err)
	}
	if err := st.learn(ctx); err != nil {
		return err
	}
	if kind == "PREAUTH" {
		st.how = "PREAUTH"
		return nil
	}
	if err := st.authenticate(ctx, implied(c.known())); err != nil {
		return err
	}
	return st.learn(ctx)
}

// learn asks for the capabilities unless the server told them by itself.
func (st *stage) learn(ctx context.Context) error {
	if st.control.known() == nil {
		if _, err := st.client.Capability().Wait(); err != nil {
			return st.lost(ctx, "CAPABILITY", err)
		}
	}
	st.caps = implied(st.control.known())
	if st.caps == nil {
		return offline(errors.New("the server does not tell its capabilities"))
	}
	return nil
}

// authenticate logs in.
func (st *stage) authenticate(ctx context.Context, caps goimap.CapSet) error {
	a := st.account
	mechanism, err := chooseMechanism(a.options.Mechanism, caps)
	if err != nil {
		return err
	}
	secret, err := a.credentials(ctx)
	if err != nil {
		return fmt.Errorf("the password: %w", err)
	}
	st.how = mechanism
	st.control.forget() // RFC 9051, 6.2.2: a login may change them
	tracer := st.control.link.tracer
	tracer.hide(true)
	defer tracer.hide(false)
	st.control.ask(true)
	defer st.control.ask(false)
	switch mechanism {
	case "LOGIN":
		err = st.client.Login(a.options.User, secret).Wait()
	case "PLAIN":
		err = st.client.Authenticate(sasl.NewPlainClient("", a.options.User, secret))
	case "XOAUTH2":
		err = st.client.Authenticate(&xoauth2{user: a.options.User, token: secret})
	case "OAUTHBEARER":
		err = st.client.Authenticate(sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
			Username: a.options.User, Token: secret, Host: a.options.Host, Port: a.options.Port,
		}))
	}
	if err == nil {
		return nil
	}
	status, ok := refused(err)
	if !ok {
		return st.lost(ctx, "logging in", err)
	}
	switch strings.ToUpper(string(status.Code)) {
	case "UNAVAILABLE", "LIMIT", "INUSE", "SERVERBUG": // RFC 5530, 3: not about who we are
		return offline(fmt.Errorf("logging in as %s: %w", a.options.User, err))
	}
	return fmt.Errorf("%w: %s as %s: %w", ErrLogin, mechanism, a.options.User, err)
}

// chooseMechanism decides how to log in.
func chooseMechanism(wanted string, caps goimap.CapSet) (string, error) {
	offered := caps.AuthMechanisms()
	slices.Sort(offered)
	// RFC 9051, 6.2.3: LOGIN must not be sent where LOGINDISABLED is announced.
	mayLogin := !caps.Has(goimap.CapLoginDisabled)
	switch {
	case wanted == "LOGIN" && mayLogin:
		return "LOGIN", nil
	case wanted != "" && slices.Contains(offered, wanted):
		return wanted, nil
	case wanted == "" && slices.Contains(offered, "PLAIN"):
		return "PLAIN", nil
	case wanted == "" && mayLogin:
		return "LOGIN", nil
	}
	list := "none"
	if len(offered) > 0 {
		list = strings.Join(offered, ", ")
	}
	if mayLogin {
		list += " and LOGIN"
	}
	if wanted == "" {
		wanted = "PLAIN or LOGIN"
	}
	return "", fmt.Errorf("%w: the server does not offer %s here, but %s", ErrLogin, wanted, list)
}

// lost describes the end of the connection while imapclient had it. imapclient
// gives no cause that could be looked into; the stream has it.
func (st *stage) lost(ctx context.Context, doing string, err error) error {
	if _, ok := refused(err); ok {
		return offline(fmt.Errorf("%s: %w", doing, err))
	}
	if cause := st.control.failure(); cause != nil {
		err = cause
	}
	if bye := st.control.byeText(); bye != "" {
		err = fmt.Errorf("the server closed the connection: %s", bye)
	}
	return st.account.lostAt(ctx, doing, err)
}

// handOver ends imapclient's part and returns the stream. No command may be
// under way.
func (st *stage) handOver() *link {
	st.control.detach()
	<-st.client.Closed()
	return st.control.release()
}

// end says goodbye without waiting, and closes.
func (st *stage) end() {
	st.control.link.goodbye()
	st.kill()
}

// kill closes the connection and waits until nobody reads it.
func (st *stage) kill() {
	st.control.link.Close()
	if st.client != nil {
		st.client.Close()
	}
}

// implied adds what a capability list implies. What UTF8=ACCEPT or IMAP4rev2
// would offer only once it is enabled counts as not there, since it never is.
func implied(caps goimap.CapSet) goimap.CapSet {
	if caps == nil {
		return nil
	}
	out := caps.Copy()
	if _, rev1 := out[goimap.CapIMAP4rev1]; rev1 {
		delete(out, goimap.CapIMAP4rev2)
	} else if _, rev2 := out[goimap.CapIMAP4rev2]; rev2 {
		for _, name := range []goimap.Cap{ // RFC 9051, appendix E
			goimap.CapNamespace, goimap.CapUnselect, goimap.CapUIDPlus, goimap.CapESearch, goimap.CapSearchRes, goimap.CapEnable,
			goimap.CapIdle, goimap.CapSASLIR, goimap.CapListExtended, goimap.CapListStatus, goimap.CapMove,
			goimap.CapLiteralMinus, goimap.CapSpecialUse,
		} {
			out[name] = struct{}{}
		}
	}
	if out.Has(goimap.CapQResync) { // RFC 7162, 3.2.3
		out[goimap.CapCondStore] = struct{}{}
		out[goimap.CapEnable] = struct{}{}
	}
	return out
}

// xoauth2 is the SASL mechanism XOAUTH2, as Google and Microsoft describe it.
type xoauth2 struct{ user, token string }

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next answers the description of an error, with nothing; then the server
// refuses the command.
func (x *xoauth2) Next(challenge []byte) ([]byte, error) {
	if !json.Valid(challenge) {
		return nil, errors.New("unexpected challenge")
	}
	return []byte{}, nil
}
