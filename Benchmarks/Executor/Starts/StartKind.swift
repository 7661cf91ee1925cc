import BenchmarkSupport

/// A start: from where, of which model, and with which workers.
struct StartKind: Codable, Hashable {
    enum Placement: String, Codable, CaseIterable {
        case inProcess = "in-process"
        case oneWorker = "remote, size 1"
        case groupOfOne = "divisible model, remote, size 1"
        case groupOfTwo = "divisible model, remote, size 2"

        var executor: ControllerConfig.Executor {
            switch self {
            case .inProcess: .inProcess
            case .oneWorker, .groupOfOne: .remote(size: 1)
            case .groupOfTwo: .remote(size: 2)
            }
        }

        /// What its starts are compared with: the same model in fewer processes.
        var reference: Placement? {
            switch self {
            case .inProcess, .groupOfOne: nil
            case .oneWorker: .inProcess
            case .groupOfTwo: .groupOfOne
            }
        }

        /// Its attention heads can be divided among two workers; the small model's cannot.
        var needsDivisibleModel: Bool {
            switch self {
            case .inProcess, .oneWorker: false
            case .groupOfOne, .groupOfTwo: true
            }
        }
    }

    static let tiers: [StartTier] = [.warm, .cold]

    let tier: StartTier
    let placement: Placement

    static let all = tiers.flatMap { tier in Placement.allCases.map { StartKind(tier: tier, placement: $0) } }

    /// Of the model that is started so.
    var model: String { "\(tier)-\(placement.needsDivisibleModel ? "divisible-" : "")\(placement.executor.label)" }
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
