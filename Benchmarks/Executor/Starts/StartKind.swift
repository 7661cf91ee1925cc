import BenchmarkSupport

/// A start of the small model: from where, and with which workers.
struct StartKind: Codable, Hashable {
    enum Placement: String, Codable, CaseIterable {
        case inProcess = "in-process"
        case oneWorker = "remote, size 1"
        case twoWorkers = "remote, size 2"

        var executor: ControllerConfig.Executor {
            switch self {
            case .inProcess: .inProcess
            case .oneWorker: .remote(size: 1)
            case .twoWorkers: .remote(size: 2)
            }
        }
    }

    static let tiers: [StartTier] = [.warm, .cold]

    let tier: StartTier
    let placement: Placement

    static let all = tiers.flatMap { tier in Placement.allCases.map { StartKind(tier: tier, placement: $0) } }

    /// Of the model that is started so.
    var model: String { "\(tier)-\(placement.executor.label)" }
}

extension ControllerConfig.Executor {
    /// For names of models.
    var label: String {
        switch self {
        case .auto: "auto"
        case .inProcess: "in-process"
        case .remote(let size): "remote-\(size)"
        }
    }
}
