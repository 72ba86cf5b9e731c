package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// runEtcd runs a single-member etcd. Its flags are the few of the real etcd that tests need, under
// the same names, so that a caller can start either.
func runEtcd() int {
	config := embed.NewConfig()
	// Zero in NewConfig, which would log every request as slow.
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	flags.StringVar(&config.Dir, "data-dir", "", "folder of the database (required)")
	flags.StringVar(&config.LogLevel, "log-level", "warn", "debug, info, warn or error")
	flags.BoolVar(&config.UnsafeNoFsync, "unsafe-no-fsync", false, "never wait for the disk: fast, and a power cut loses data")
	flags.Int64Var(&config.QuotaBackendBytes, "quota-backend-bytes", 0, "largest database in bytes; 0 is etcd's default")
	client := urlFlag(flags, "listen-client-urls", embed.DefaultListenClientURLs, "where clients connect")
	advertised := urlFlag(flags, "advertise-client-urls", embed.DefaultListenClientURLs, "what clients are told")
	peer := urlFlag(flags, "listen-peer-urls", embed.DefaultListenPeerURLs, "where other members would connect")
	_ = flags.Parse(os.Args[1:]) // ExitOnError: it does not return one
	if config.Dir == "" {
		fmt.Fprintln(os.Stderr, "etcd: --data-dir is required")
		return 2
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*advertised}
	config.ListenPeerUrls = []url.URL{*peer}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	server, err := embed.StartEtcd(config)
	if err != nil {
		fmt.Fprintf(os.Stderr, "etcd: start: %v\n", err)
		return 1
	}
	defer server.Close()
	select {
	case <-stop:
		return 0
	case err := <-server.Err():
		fmt.Fprintf(os.Stderr, "etcd: %v\n", err)
		return 1
	}
}

// urlFlag defines a flag that holds one URL.
func urlFlag(flags *flag.FlagSet, name, standard, usage string) *url.URL {
	value, err := url.Parse(standard)
	if err != nil {
		panic(err) // a constant of etcd's own
	}
	flags.Func(name, usage, func(text string) error {
		parsed, err := url.Parse(text)
		if err == nil {
			*value = *parsed
		}
		return err
	})
	return value
}
