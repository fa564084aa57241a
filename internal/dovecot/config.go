package dovecot

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	osuser "os/user"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func (o Options) separator() string {
	if o.Separator == "" {
		return "."
	}
	return o.Separator
}

// prepare fills the server's directory: certificate, key and configuration.
func (s *Server) prepare(ports []int) error {
	owner, group, err := identity()
	if err != nil {
		return err
	}
	for _, name := range []string{"run", "state", "mail", "log"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o755); err != nil {
			return err
		}
	}
	// The mail belongs to another user than root, for Dovecot serves no mail as root.
	if os.Geteuid() == 0 {
		if err := os.Chmod(s.dir, 0o711); err != nil {
			return err
		}
		if err := chown(filepath.Join(s.dir, "mail"), owner); err != nil {
			return err
		}
	}
	cert, key, err := certificate()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.Cert, cert, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "key.pem"), key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.config, []byte(s.options.render(s.dir, owner, group, ports)), 0o644)
}

// identity is who the mail belongs to: ourselves, or an account without rights
// when we are root.
func identity() (owner, group string, err error) {
	names := []string{"mail", "nobody"}
	if os.Geteuid() != 0 {
		me, err := osuser.Current()
		if err != nil {
			return "", "", err
		}
		names = []string{me.Username}
	}
	for _, name := range names {
		found, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		of, err := osuser.LookupGroupId(found.Gid)
		if err != nil {
			continue
		}
		return name, of.Name, nil
	}
	return "", "", fmt.Errorf("no account for the mail: tried %v", names)
}

func chown(path, owner string) error {
	u, err := osuser.Lookup(owner)
	if err != nil {
		return err
	}
	var uid, gid int
	if _, err := fmt.Sscan(u.Uid+" "+u.Gid, &uid, &gid); err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

func (o Options) render(dir, owner, group string, ports []int) string {
	var b strings.Builder
	set := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	set("base_dir = %s/run", dir)
	set("state_dir = %s/state", dir)
	set("log_path = %s/log/dovecot.log", dir)
	set("listen = 127.0.0.1")
	set("protocols = imap")
	set("ssl = yes")
	set("ssl_cert = <%s/cert.pem", dir)
	set("ssl_key = <%s/key.pem", dir)
	set("disable_plaintext_auth = no")
	set("auth_mechanisms = plain login")
	set("auth_failure_delay = 0")
	set("first_valid_uid = 1")
	set("mail_uid = %s", owner)
	set("mail_gid = %s", group)
	set("mail_max_userip_connections = 1000")
	// A durable server is not what is tested; it is what makes tests slow.
	set("mail_fsync = never")
	if os.Geteuid() != 0 {
		// Without root there is nobody to become.
		set("default_internal_user = %s", owner)
		set("default_internal_group = %s", group)
		set("default_login_user = %s", owner)
	}
	mail := "maildir:" + dir + "/mail/%u"
	if o.Storage == "mdbox" {
		mail = "mdbox:" + dir + "/mail/%u"
	}
	if o.MemoryIndex {
		mail += ":INDEX=MEMORY"
	}
	set("mail_location = %s", mail)
	set("passdb {\n  driver = static\n  args = password=%s\n}", Password)
	set("userdb {\n  driver = static\n  args = uid=%s gid=%s home=%s/mail/%%u\n}", owner, group, dir)
	// One login process serves many connections: a process for each would spend
	// the tests' time on starting them.
	set("service imap-login {\n  chroot =\n  service_count = 0\n  client_limit = 1000\n  process_min_avail = 1")
	set("  inet_listener imap {\n    address = 127.0.0.1\n    port = %d\n  }", ports[0])
	set("  inet_listener imaps {\n    address = 127.0.0.1\n    port = %d\n    ssl = yes\n  }\n}", ports[1])
	set("service imap {\n  process_limit = 1000\n  service_count = 100\n}")
	// No penalty for wrong passwords: all tests come from one address.
	set("service anvil {\n  chroot =\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}")
	set("service stats {\n  chroot =\n}")

	set("namespace inbox {\n  inbox = yes\n  separator = %s\n  prefix = %s", o.separator(), o.Prefix)
	for _, role := range []string{"Sent", "Drafts", "Trash", "Junk", "Archive"} {
		set("  mailbox %s {\n    special_use = \\%s\n  }", role, role)
	}
	set("}")

	plugins := ""
	if o.ACL {
		plugins += " acl"
		set("plugin {\n  acl = vfile\n}")
	}
	if o.MaxMessages > 0 {
		plugins += " quota"
		set("plugin {\n  quota = count:all\n  quota_vsizes = yes\n  quota_rule = *:messages=%d\n}", o.MaxMessages)
	}
	set("mail_plugins =%s", plugins)
	if o.Compress {
		plugins += " imap_zlib"
	}
	if o.MaxMessages > 0 {
		plugins += " imap_quota"
	}
	set("protocol imap {\n  mail_plugins =%s\n  imap_idle_notify_interval = 2 mins\n  mail_max_userip_connections = 1000", plugins)
	if o.Capability != "" {
		set("  imap_capability = %s", o.Capability)
	}
	set("}")
	if o.Capability != "" {
		set("imap_capability = %s", o.Capability) // what is said before the login
	}
	set("%s", o.Extra)
	return b.String()
}

// certificate makes one self-signed certificate for all servers of the binary;
// it is its own authority.
var certificate = func() func() (cert, key []byte, err error) {
	type pair struct{ cert, key []byte }
	once := sync.OnceValues(func() (pair, error) {
		secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return pair{}, err
		}
		template := &x509.Certificate{
			SerialNumber:          big.NewInt(time.Now().UnixNano()),
			Subject:               pkix.Name{CommonName: "localhost"},
			NotBefore:             time.Now().Add(-time.Hour),
			NotAfter:              time.Now().Add(10 * 365 * 24 * time.Hour),
			KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			BasicConstraintsValid: true,
			IsCA:                  true,
			DNSNames:              []string{"localhost"},
			IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
		if err != nil {
			return pair{}, err
		}
		plain, err := x509.MarshalPKCS8PrivateKey(secret)
		if err != nil {
			return pair{}, err
		}
		return pair{
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}),
		}, nil
	})
	return func() ([]byte, []byte, error) {
		p, err := once()
		return p.cert, p.key, err
	}
}()
