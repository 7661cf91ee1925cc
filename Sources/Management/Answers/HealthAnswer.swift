import Scheduling

/// Whether the controller can do its work: the origin's fields, and what is wrong where something is.
struct HealthAnswer: Encodable, Equatable {
    /// `healthy`; otherwise `down` (a runtime is), `starting` (one is not up yet) or `stopping`.
    let status: String
    let workers: Int
    let engines: Int
    let reasons: [String]?

    enum CodingKeys: String, CodingKey {
        case status, reasons
        case workers = "num_workers"
        case engines = "num_engines"
    }

    init(_ controller: ControllerStatus) {
        workers = controller.deviceWorkers.count
        engines = controller.engines.count
        guard !controller.isHealthy else {
            status = "healthy"
            reasons = nil
            return
        }
        let unready = controller.runtimes.filter { $0.state != "ready" }
        status =
            if unready.contains(where: { $0.state == "down" }) {
                "down"
            } else {
                unready.isEmpty ? "stopping" : "starting"
            }
        reasons =
            unready.isEmpty
            ? ["the controller is shutting down"]
            : unready.map { runtime in
                "runtime \(runtime.name) is \(runtime.state)" + (runtime.lastError.map { ": \($0)" } ?? "")
            }
    }
}
