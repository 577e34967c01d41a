package main

import (
	"os"
	"runtime"
	"strings"
	"time"
)

// conditions are what a reader must know to judge the figures.
type conditions struct {
	Time       string `json:"time"`
	Go         string `json:"go"`
	Processors int    `json:"processors"`
	Model      string `json:"model"`
	Kernel     string `json:"kernel"`
	Load       string `json:"load_average"`
}

func observe() conditions {
	c := conditions{Time: time.Now().UTC().Format(time.RFC3339), Go: runtime.Version(), Processors: runtime.NumCPU()}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				c.Model = strings.TrimSpace(value)
				break
			}
		}
	}
	if data, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		c.Kernel = strings.TrimSpace(string(data))
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		c.Load = strings.Join(strings.Fields(string(data))[:3], " ")
	}
	return c
}
