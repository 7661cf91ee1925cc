import ControlProtocol

/// What a test wants to go wrong at one stage: the arguments `sim-fail-at` and the like, `sim-template-fail-at` and the
/// like for templates, `sim-worker-fail-at` and the like for leased workers.
struct Misbehaviour: Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        /// The stage ends with an error.
        case fail
        /// The process dies of SIGKILL.
        case crash
        /// The stage never ends; pings are answered.
        case hang
    }

    /// Whose stage it is; the raw value stands in the argument's name.
    enum Place: String, CaseIterable, Sendable {
        case engine = ""
        case template = "template-"
        case worker = "worker-"

        var stages: [StartStage] {
            switch self {
            case .engine: StartStage.allCases
            case .template: StartStage.ofTemplate
            case .worker: StartStage.ofWorker
            }
        }
    }

    let kind: Kind
    let place: Place
    let stage: StartStage

    var description: String { "\(Self.argument(kind, place)): \(stage.rawValue)" }

    /// What an argument of this name asks for; nil if the argument is another.
    init?(argument: String, value: JSONValue) throws(ArgumentError) {
        for place in Place.allCases {
            for kind in Kind.allCases where argument == Self.argument(kind, place) {
                let stages = place.stages
                guard case .string(let text) = value, let stage = stages.first(where: { $0.rawValue == text }) else {
                    let names = stages.map(\.rawValue).joined(separator: ", ")
                    throw ArgumentError(message: "argument '\(argument)': give one of \(names)")
                }
                self.kind = kind
                self.place = place
                self.stage = stage
                return
            }
        }
        return nil
    }

    /// Whether it is to happen in a process of this role, at this stage.
    func concerns(_ role: WireRole, at stage: StartStage) -> Bool {
        guard stage == self.stage else { return false }
        return switch place {
        case .engine: role == stage.owner
        case .template: role == .template
        case .worker: role == .worker
        }
    }

    private static func argument(_ kind: Kind, _ place: Place) -> String {
        "sim-\(place.rawValue)\(kind.rawValue)-at"
    }
}
