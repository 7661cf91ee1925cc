import Scheduling

/// What the controller counts, from the events that it tells.
///
/// No counter has a label whose values come from outside, like the names of models: those that are made and deleted at run
/// time would make it grow without end.
public struct ControllerMetrics: Sendable {
    static let prefix = "worker_controller_"

    /// For an engine that had no place yet, and so was started from nothing.
    private static let noTier = "none"
    private static let tiers = Tier.allCases.filter { $0 != .hot }.map(\.rawValue)
    private static let seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

    private var retirements = Counter(
        prefix + "worker_retirements_total", "Workers that are not used again, by cause.", labels: ["cause"],
        known: (Retirement.Cause.allCases.map(\.rawValue) + [ControllerEvent.died]).map { [$0] })
    private var grants = Counter(
        prefix + "leases_granted_total", "Leases of workers that executors were given.")
    private var leaseEnds = Counter(
        prefix + "leases_ended_total",
        "Leases that are over: released by the executor, revoked, reclaimed as the engine ended, or broken.",
        labels: ["how"], known: [["broken"], ["reclaimed"], ["released"], ["revoked"]])
    private var waits = Histogram(
        prefix + "lease_wait_seconds",
        "From the wish for an engine until its memory, processes and workers were reserved for it.", bounds: seconds)
    private var starts = Counter(
        prefix + "engine_starts_total", "Starts of engines, by what they were started from and how they ended.",
        labels: ["tier", "outcome"], known: tiers.flatMap { [[$0, "ready"], [$0, "failed"]] } + [[noTier, "failed"]])
    private var startTimes = Histogram(
        prefix + "engine_start_seconds", "From the wish for an engine until it was ready, by what it was started from.",
        labels: ["tier"], bounds: seconds, known: tiers.map { [$0] })
    private var deaths = Counter(
        prefix + "engine_deaths_total", "Engines that were ready once, and ended without having been told to.")
    private var templates = Counter(
        prefix + "templates_ended_total", "Templates that failed, or were given up.", labels: ["how"],
        known: [["failed"], ["given_up"]])

    public init() {}

    public mutating func count(_ event: ControllerEvent) {
        switch event.kind {
        case .workerRetired: retirements.increment(event.cause ?? "")
        case .leaseGranted: grants.increment()
        case .leaseReleased: leaseEnds.increment("released")
        case .leaseRevoked: leaseEnds.increment("revoked")
        case .leaseReclaimed: leaseEnds.increment("reclaimed")
        case .leaseBroken: leaseEnds.increment("broken")
        case .enginePlaced, .engineUnparked:
            if let milliseconds = event.milliseconds { waits.observe(milliseconds / 1000) }
        case .engineReady:
            // Without a tier it was started by a user.
            guard let tier = event.tier?.rawValue else { break }
            starts.increment(tier, "ready")
            if let milliseconds = event.milliseconds { startTimes.observe(milliseconds / 1000, tier) }
        case .engineFailed: starts.increment(event.tier?.rawValue ?? Self.noTier, "failed")
        case .engineDied: deaths.increment()
        case .templateFailed: templates.increment("failed")
        case .templateGivenUp: templates.increment("given_up")
        case .workerForked, .workerIdle, .workerLeased, .workerResetting, .alarm, .engineQueued, .engineDraining,
            .engineKept, .engineParked, .engineAsleep, .engineWaking, .engineGone, .templateReady, .modelTier,
            .runtimeReady, .runtimeDown:
            break
        }
    }

    /// All metrics in Prometheus' text format: what was counted, and what there is now.
    ///
    /// - Parameter inFlight: requests in each engine.
    public func text(_ scheduler: Scheduler, inFlight: [EngineID: Int]) -> String {
        let counted: [any Metric] = [
            retirements, grants, leaseEnds, waits, starts, startTimes, deaths, templates,
        ]
        var text = PrometheusText()
        for metric in counted + Self.gauges(of: scheduler, inFlight: inFlight) { metric.write(to: &text) }
        return text.text
    }
}
