import ControlProtocol

/// What a test wants to go wrong at one stage: the arguments `sim-fail-at` and the like, and `sim-template-fail-at` and the
/// like for templates.
struct Misbehaviour: Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        /// The stage ends with an error.
        case fail
        /// The process dies of SIGKILL.
        case crash
        /// The stage never ends; pings are answered.
        case hang
    }

    let kind: Kind
    let isOfTemplate: Bool
    let stage: StartStage

    var description: String { "\(Self.argument(kind, isOfTemplate: isOfTemplate)): \(stage.rawValue)" }

    /// What an argument of this name asks for; nil if the argument is another.
    init?(argument: String, value: JSONValue) throws(ArgumentError) {
        for isOfTemplate in [false, true] {
            for kind in Kind.allCases where argument == Self.argument(kind, isOfTemplate: isOfTemplate) {
                let stages = isOfTemplate ? StartStage.ofTemplate : StartStage.allCases
                guard case .string(let text) = value, let stage = stages.first(where: { $0.rawValue == text }) else {
                    let names = stages.map(\.rawValue).joined(separator: ", ")
                    throw ArgumentError(message: "argument '\(argument)': give one of \(names)")
                }
                self.kind = kind
                self.isOfTemplate = isOfTemplate
                self.stage = stage
                return
            }
        }
        return nil
    }

    /// Whether it is to happen in a process of this role, at this stage.
    func concerns(_ role: WireRole, at stage: StartStage) -> Bool {
        stage == self.stage && role == (isOfTemplate ? .template : stage.owner)
    }

    private static func argument(_ kind: Kind, isOfTemplate: Bool) -> String {
        "sim-\(isOfTemplate ? "template-" : "")\(kind.rawValue)-at"
    }
}
