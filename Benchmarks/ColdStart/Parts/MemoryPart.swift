/// What a warm process owns beyond what it shares, by the kernel's accounting.
struct MemoryPart {
    struct Result: Codable {
        /// Of every idle process, each time that it was looked at.
        var idleBytes: [Int] = []
    }

    /// How long the processes have been idle when they are looked at.
    private static let rest = Duration.seconds(2)

    let controller: RunningController

    /// Looks at all idle processes now, nothing being loaded.
    func look(_ result: inout Result) throws {
        try controller.settle()
        try Interruption.sleep(Self.rest)
        result.idleBytes += try controller.idleProcesses().map(ProcessTable.privateBytes)
    }
}
