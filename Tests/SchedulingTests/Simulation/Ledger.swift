import Scheduling

/// What was asked of the scheduler, and what became of it: exactly one outcome for each.
struct Ledger {
    enum Request: Equatable {
        case sent
        case waiting
        /// Admitted, but no permit was left: on its way back.
        case returning
        case settled(String)
    }

    struct RequestRecord {
        let model: String
        let bytes: Int
        let since: Moment
        var state = Request.sent
        var clientLeft = false
    }

    private(set) var requests: [RequestID: RequestRecord] = [:]
    private(set) var openCommands: Set<CommandID> = []
    private var commandCount: UInt64 = 0
    /// Two answers, or one for something that was never asked.
    private(set) var mistake: String?

    private(set) var waitingCount = 0
    var unsettled: [RequestID] {
        requests.filter { if case .settled = $0.value.state { false } else { true } }
            .keys.sorted { $0.number < $1.number }
    }

    mutating func newRequest(model: String, bytes: Int, at now: Moment) -> RequestID {
        let id = RequestID(UInt64(requests.count + 1))
        requests[id] = RequestRecord(model: model, bytes: bytes, since: now)
        return id
    }

    mutating func newCommand() -> CommandID {
        commandCount += 1
        openCommands.insert(CommandID(commandCount))
        return CommandID(commandCount)
    }

    mutating func arrived(_ id: RequestID) { change(id, to: .waiting) }

    mutating func settle(_ id: RequestID, as outcome: String) {
        guard let request = requests[id], request.state == .waiting else {
            mistake = "\(id) is \(outcome), but it was \(requests[id].map { "\($0.state)" } ?? "never asked")"
            return
        }
        change(id, to: .settled(outcome))
    }

    /// It was settled as admitted, and found no permit.
    mutating func noPermit(_ id: RequestID) { change(id, to: .returning) }

    /// Its client left. A request that is on its way back is dropped there.
    mutating func withdrawn(_ id: RequestID) {
        requests[id]?.clientLeft = true
        if requests[id]?.state == .waiting { change(id, to: .settled("withdrawn")) }
    }

    /// Whether a returning request still has a client, and so waits again.
    mutating func cameBack(_ id: RequestID) -> Bool {
        let isWanted = requests[id]?.clientLeft == false
        change(id, to: isWanted ? .waiting : .settled("withdrawn"))
        return isWanted
    }

    private mutating func change(_ id: RequestID, to state: Request) {
        waitingCount += (state == .waiting ? 1 : 0) - (requests[id]?.state == .waiting ? 1 : 0)
        requests[id]?.state = state
    }

    mutating func complete(_ command: CommandID) {
        if openCommands.remove(command) == nil { mistake = "command \(command.number) was completed twice" }
    }
}
