// Command probe is what the lab's self-test runs in a pod: it checks what a pod relies on and then
// serves, so that logs, exec, port-forward and Services can be tried on it.
//
//	probe             check, say "ok", serve on :8080
//	probe get URL     print what URL answers
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 2 && arguments[0] == "get" {
		body, err := get(http.DefaultClient, arguments[1], "")
		fmt.Print(body)
		return err
	}
	for _, check := range []func() error{resolve, apiServer, write} {
		if err := check(); err != nil {
			return err
		}
	}
	fmt.Println("ok")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "served") })
	return http.ListenAndServe(":8080", nil)
}

func resolve() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, "kubernetes.default.svc")
	if err != nil {
		return err
	}
	fmt.Println("kubernetes.default.svc is", found)
	return nil
}

// apiServer asks by the service address, with TLS verified against the cluster's authority.
func apiServer() error {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return errors.New("ca.crt holds no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	address := "https://" + net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), "443")
	body, err := get(client, address+"/version", string(token))
	fmt.Println(address, "answered", len(body), "bytes, TLS verified")
	return err
}

func write() error {
	if _, err := os.Stat("/data"); err != nil {
		return nil // no volume asked for
	}
	return os.WriteFile("/data/written", []byte("by the probe\n"), 0o644)
}

func get(client *http.Client, url, token string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}
