// Judges chains as Go's crypto/x509 does. A line of standard input is a question, its parts apart
// by tabs and lists of DER in Base64 by commas; a line of standard output is a name and a complaint.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		asked := strings.Split(lines.Text(), "\t")
		complaint := ""
		if err := judge(asked); err != nil {
			complaint = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Printf("%s\t%s\n", asked[0], complaint)
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}

func judge(asked []string) error {
	purpose := x509.ExtKeyUsageClientAuth
	if asked[1] == "server" {
		purpose = x509.ExtKeyUsageServerAuth
	}
	seconds, err := strconv.ParseInt(asked[3], 10, 64)
	if err != nil {
		return err
	}
	at := time.Unix(seconds, 0)
	leaf, err := x509.ParseCertificate(ders(asked[4])[0])
	if err != nil {
		return err
	}
	untrusted, err := pool(asked[5])
	if err != nil {
		return err
	}
	roots, err := pool(asked[6])
	if err != nil {
		return err
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		DNSName:       asked[2],
		Intermediates: untrusted,
		Roots:         roots,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{purpose},
	})
	if err != nil {
		return err
	}
	return revoked(chains[0], ders(asked[7]), at)
}

// Go verifies chains without CRLs, and lists without chains; putting them together is ours.
func revoked(chain []*x509.Certificate, lists [][]byte, at time.Time) error {
	for place, certificate := range chain[:len(chain)-1] {
		issuer, found := chain[place+1], false
		for _, der := range lists {
			list, err := x509.ParseRevocationList(der)
			if err != nil {
				return err
			}
			if string(list.RawIssuer) != string(issuer.RawSubject) {
				continue
			}
			if err := list.CheckSignatureFrom(issuer); err != nil {
				return err
			}
			if at.Before(list.ThisUpdate) || at.After(list.NextUpdate) {
				return fmt.Errorf("the list of %s is not current", issuer.Subject)
			}
			found = true
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
					return errors.New("revoked")
				}
			}
		}
		if !found {
			return fmt.Errorf("no list of %s", issuer.Subject)
		}
	}
	return nil
}

func pool(encoded string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, der := range ders(encoded) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		pool.AddCert(certificate)
	}
	return pool, nil
}

func ders(encoded string) [][]byte {
	var found [][]byte
	for _, text := range strings.Split(encoded, ",") {
		if text == "" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			panic(err)
		}
		found = append(found, der)
	}
	return found
}
