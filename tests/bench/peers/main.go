// Command podrun does with client-go what lunapod does, for `make bench` to compare with: it runs short pods, watched by
// one shared informer, follows their logs and deletes them; or it copies the log of one pod to stdout. What it used of the
// machine goes to stderr as one line of JSON, so that every peer can be read in the same way.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	namespace = flag.String("namespace", "default", "where the pods are")
	count     = flag.Int("pods", 1, "how many pods to run")
	parallel  = flag.Int("parallel", 50, "how many of them at a time")
	image     = flag.String("image", "busybox:1", "their image")
	command   = flag.String("command", "echo hello", "what their shell runs")
	logOf     = flag.String("log", "", "copy the log of this pod to stdout instead")
	follow    = flag.Bool("follow", false, "with -log: until the container ends")
)

func main() {
	flag.Parse()
	start := time.Now()
	report := map[string]any{"peer": "client-go"}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	check(err)
	config.QPS = -1 // the library's own limit would be measured otherwise
	config.UserAgent = "podrun/0.34"
	client, err := kubernetes.NewForConfig(config)
	check(err)
	if *logOf != "" {
		report["bytes"] = copyLog(client)
	} else {
		report["pods"], report["failed"], report["log_bytes"] = runPods(client)
	}
	report["wall_s"] = time.Since(start).Seconds()
	addUsage(report)
	check(json.NewEncoder(os.Stderr).Encode(report))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "podrun:", err)
		os.Exit(1)
	}
}

func addUsage(report map[string]any) {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	report["user_s"] = float64(usage.Utime.Nano()) / 1e9
	report["system_s"] = float64(usage.Stime.Nano()) / 1e9
	report["max_rss_kb"] = usage.Maxrss
}

func copyLog(client kubernetes.Interface) int64 {
	options := &core.PodLogOptions{Follow: *follow}
	stream, err := client.CoreV1().Pods(*namespace).GetLogs(*logOf, options).Stream(context.Background())
	check(err)
	defer stream.Close()
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	copied, err := io.Copy(out, stream)
	check(err)
	check(out.Flush())
	return copied
}

// life is one pod's: the informer's handler sends what it sees, the pod's goroutine waits for what it needs.
type life struct {
	started, ended chan struct{}
	failed         bool
}

func runPods(client kubernetes.Interface) (pods int, failed int64, logBytes int64) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	run := fmt.Sprintf("podrun-%d-%d", os.Getpid(), time.Now().Unix())
	var lives sync.Map
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(*namespace),
		informers.WithTweakListOptions(func(options *meta.ListOptions) { options.LabelSelector = "podrun=" + run }))
	informer := factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { see(&lives, object.(*core.Pod)) },
		UpdateFunc: func(_, object any) { see(&lives, object.(*core.Pod)) },
	})
	check(err)
	factory.Start(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)

	var group sync.WaitGroup
	slots := make(chan struct{}, *parallel)
	for i := range *count {
		slots <- struct{}{}
		group.Add(1)
		go func() {
			defer func() { <-slots; group.Done() }()
			read, good := runPod(ctx, client, &lives, run, i)
			atomic.AddInt64(&logBytes, read)
			if !good {
				atomic.AddInt64(&failed, 1)
			}
		}()
	}
	group.Wait()
	return *count, failed, logBytes
}

func see(lives *sync.Map, pod *core.Pod) {
	found, known := lives.Load(pod.Name)
	if !known || len(pod.Status.ContainerStatuses) == 0 {
		return
	}
	one, state := found.(*life), pod.Status.ContainerStatuses[0].State
	if state.Running != nil || state.Terminated != nil {
		closeOnce(one.started)
	}
	if state.Terminated != nil {
		one.failed = state.Terminated.ExitCode != 0
		closeOnce(one.ended)
	}
}

// Only the informer's one goroutine closes.
func closeOnce(channel chan struct{}) {
	select {
	case <-channel:
	default:
		close(channel)
	}
}

func runPod(ctx context.Context, client kubernetes.Interface, lives *sync.Map, run string, index int) (int64, bool) {
	pods := client.CoreV1().Pods(*namespace)
	name := fmt.Sprintf("%s-%d", run, index)
	one := &life{started: make(chan struct{}), ended: make(chan struct{})}
	lives.Store(name, one)
	defer lives.Delete(name)
	grace := int64(0)
	_, err := pods.Create(ctx, &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{"podrun": run}},
		Spec: core.PodSpec{
			RestartPolicy: core.RestartPolicyNever,
			Containers:    []core.Container{{Name: "base", Image: *image, Command: []string{"sh", "-c", *command}}},
		},
	}, meta.CreateOptions{})
	check(err)
	<-one.started
	var read int64
	if stream, err := pods.GetLogs(name, &core.PodLogOptions{Follow: true}).Stream(ctx); err == nil {
		read, _ = io.Copy(io.Discard, stream)
		stream.Close()
	}
	<-one.ended
	check(pods.Delete(ctx, name, meta.DeleteOptions{GracePeriodSeconds: &grace}))
	return read, !one.failed
}
