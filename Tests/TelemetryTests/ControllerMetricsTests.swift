import Scheduling
import Telemetry
import Testing

@Suite struct ControllerMetricsTests {
    /// A device and a model, and a runtime whose zygote is not up yet.
    private static func scheduler() -> Scheduler {
        let model = ModelSpecification(
            name: "org/\"one\"", aliases: ["one"], runtime: RuntimeName("sim"), concurrency: 4,
            startTimeout: .seconds(90), kvCacheBytes: 1 << 20, executor: .remote)
        return Scheduler(
            epoch: 1,
            limits: SchedulingLimits(
                queue: 10, queueBytes: 1000, queueTimeout: .seconds(9), minimumResidency: .zero, idleWorkers: 1),
            devices: [DeviceSpecification(id: DeviceID("cpu:0"), memoryBytes: 8 << 30, cores: [0])], models: [model],
            runtimes: [RuntimeName("sim")])
    }

    private static func lines(
        of events: [ControllerEvent], _ scheduler: Scheduler = scheduler(), inFlight: [EngineID: Int] = [:]
    ) -> Set<String> {
        var metrics = ControllerMetrics()
        for event in events { metrics.count(event) }
        return Set(metrics.text(scheduler, inFlight: inFlight).split(separator: "\n").map(String.init))
    }

    @Test func eventsAreCounted() {
        let lines = Self.lines(of: [
            ControllerEvent(.workerRetired, cause: "memory"), ControllerEvent(.workerRetired, cause: "died"),
            ControllerEvent(.workerRetired, cause: "died"), ControllerEvent(.leaseGranted),
            ControllerEvent(.leaseBroken), ControllerEvent(.leaseReleased),
            ControllerEvent(.enginePlaced, tier: .warm, milliseconds: 40),
            ControllerEvent(.engineReady, tier: .warm, milliseconds: 500),
            ControllerEvent(.engineFailed, tier: .asleep), ControllerEvent(.engineFailed), ControllerEvent(.engineDied),
            ControllerEvent(.templateFailed),
        ])
        for line in [
            #"worker_retirements_total{cause="memory"} 1"#, #"worker_retirements_total{cause="died"} 2"#,
            #"worker_retirements_total{cause="replaced"} 0"#, "leases_granted_total 1",
            #"leases_ended_total{how="broken"} 1"#, #"leases_ended_total{how="released"} 1"#,
            #"leases_ended_total{how="revoked"} 0"#, #"lease_wait_seconds_bucket{le="0.025"} 0"#,
            #"lease_wait_seconds_bucket{le="0.05"} 1"#, "lease_wait_seconds_sum 0.04",
            #"engine_starts_total{tier="warm",outcome="ready"} 1"#,
            #"engine_starts_total{tier="asleep",outcome="failed"} 1"#,
            #"engine_starts_total{tier="none",outcome="failed"} 1"#,
            #"engine_start_seconds_bucket{tier="warm",le="0.5"} 1"#, #"engine_start_seconds_count{tier="cold"} 0"#,
            "engine_deaths_total 1", #"templates_ended_total{how="failed"} 1"#,
        ] {
            #expect(lines.contains("worker_controller_" + line))
        }
    }

    @Test func everyCauseIsThereFromTheStart() {
        let lines = Self.lines(of: [])
        for cause in Retirement.Cause.allCases.map(\.rawValue) + ["died"] {
            #expect(lines.contains("worker_controller_worker_retirements_total{cause=\"\(cause)\"} 0"))
        }
    }

    @Test func theStateIsShown() throws {
        var scheduler = Self.scheduler()
        let now = Moment(nanoseconds: 1)
        let send = { (scheduler: inout Scheduler, event: SchedulerEvent) in
            _ = scheduler.handle(event, at: now, usage: [:])
        }
        send(&scheduler, .tick)
        #expect(Self.lines(of: [], scheduler).contains(#"worker_controller_runtime_up{runtime="sim"} 0"#))
        for process in scheduler.processes.keys { send(&scheduler, .zygoteReady(process)) }
        #expect(
            Self.lines(of: [], scheduler).contains(
                #"worker_controller_workers{device="cpu:0",state="starting"} 1"#))
        for process in scheduler.processes.values where process.role != .zygote {
            send(
                &scheduler,
                process.role == .worker
                    ? .lease(.idle(process.id, privateBytes: 1, reset: .replace)) : .processIdle(process.id))
        }
        send(&scheduler, .request(RequestID(1), model: "one", bytes: 10))
        let engine = try #require(scheduler.engines.keys.first)
        send(&scheduler, .inspected(engine, ModelInspection(weightBytes: 0, fingerprint: "f")))
        let lines = Self.lines(of: [], scheduler, inFlight: [engine: 3])
        let used = scheduler.usedBytes(DeviceID("cpu:0"))
        #expect(used > 0)
        for line in [
            #"runtime_up{runtime="sim"} 1"#, #"workers{device="cpu:0",state="leased"} 1"#,
            #"workers{device="cpu:0",state="idle"} 0"#, #"engines{model="org/\"one\"",state="starting"} 1"#,
            #"requests_in_flight{engine="e-1",model="org/\"one\""} 3"#,
            #"requests_waiting{model="org/\"one\""} 1"#, #"device_memory_bytes{device="cpu:0"} 8589934592"#,
            #"device_memory_used_bytes{device="cpu:0"} \#(used)"#, #"templates{state="ready"} 0"#,
        ] {
            #expect(lines.contains("worker_controller_" + line))
        }
    }

    /// As a scraper reads it: each family once, described before its samples, and each series once.
    @Test func everythingIsWellFormed() throws {
        var metrics = ControllerMetrics()
        for kind in ControllerEvent.Kind.allCases {
            metrics.count(ControllerEvent(kind, tier: .cold, cause: "memory", milliseconds: 12.5))
        }
        let text = metrics.text(Self.scheduler(), inFlight: [:])
        #expect(text.hasSuffix("\n"))
        let name = /[a-zA-Z_:][a-zA-Z0-9_:]*/
        let sample = /([a-z_]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})? ([0-9.e+-]+|\+Inf)/
        var families: [String: String] = [:]
        var series: Set<String> = []
        var described: String?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words[0] == "#", words[1] == "HELP" {
                #expect(words.count == 4 && !words[3].isEmpty)
                described = words[2]
            } else if words[0] == "#" {
                #expect(words[1] == "TYPE" && words[2] == described && words[2].wholeMatch(of: name) != nil)
                #expect(families.updateValue(words[3], forKey: words[2]) == nil, "twice: \(words[2])")
            } else {
                let match = try #require(line.wholeMatch(of: sample), "\(line)")
                #expect(series.insert(line.split(separator: " ").dropLast().joined(separator: " ")).inserted, "\(line)")
                let family = try #require(described)
                let suffix = match.output.1.dropFirst(family.count)
                #expect(match.output.1.hasPrefix(family))
                #expect(
                    suffix.isEmpty
                        || (families[family] == "histogram" && ["_bucket", "_sum", "_count"].contains(suffix)))
                #expect(families[family] != "counter" || family.hasSuffix("_total"))
                #expect(family.hasPrefix("worker_controller_"))
            }
        }
        #expect(families.count == 16)
    }
}
