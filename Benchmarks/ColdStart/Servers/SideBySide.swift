import BenchmarkSupport

/// A stock server and our engines of the same weights, each started from another tier; all are loaded at the same time, and all but
/// one idle.
struct SideBySide {
    private let bed: TestBed
    let subject: Subject
    let stock: StockServer
    let controller: RunningController
    /// Those whose engines are loaded.
    private(set) var tiers: [StartTier]

    /// - Parameter tiers: those whose engines are to be loaded.
    init(bed: TestBed, subject: Subject, controller: RunningController, tiers: [StartTier]) throws {
        self.bed = bed
        self.subject = subject
        self.controller = controller
        self.tiers = tiers
        try controller.settle()
        stock = try StockServer(
            bed.workspace, python: bed.programs.python, model: subject.folder.path,
            log: "stock-\(subject.name)-steady")
        _ = try stock.firstTokenMilliseconds(ChatRequest(model: stock.model, prompt: Prompts.standard, maxTokens: 8))
        for tier in tiers {
            let model = try controller.model(tier)
            try controller.management.load(model)
            let found = try controller.engine(of: model).startTier ?? "none"
            guard found == tier.rawValue else {
                throw BenchmarkError("'\(model)' was loaded from the tier '\(found)', not '\(tier)'.")
            }
            // As stock was asked, so that all have the same in their prefix caches.
            _ = try controller.ask(model)
        }
    }

    /// The same with new processes, and weights that were loaded anew: where the kernel puts a process's memory makes some percent
    /// of its speed, for as long as it lives.
    mutating func renew() throws {
        try stock.end()
        for tier in tiers { try controller.management.unload(controller.model(tier)) }
        self = try SideBySide(bed: bed, subject: subject, controller: controller, tiers: tiers)
    }

    /// What a cold start makes is compared in its answers only; its decode speed would cost another third of the time.
    mutating func unloadCold() throws {
        guard tiers.contains(.cold) else { return }
        try controller.management.unload(controller.model(.cold))
        tiers.removeAll { $0 == .cold }
    }

    /// How many threads each of them computes with.
    func threads() throws -> (stock: Int, ours: [StartTier: Int]) {
        let stock = try ComputeThreads.count(
            of: stock.model, at: stock.endpoint, processes: stock.processes, tokens: subject.decodeTokens)
        var ours: [StartTier: Int] = [:]
        for tier in tiers {
            let model = try controller.model(tier)
            ours[tier] = try ComputeThreads.count(
                of: model, at: controller.endpoint, processes: controller.processes(of: model),
                tokens: subject.decodeTokens)
        }
        return (stock, ours)
    }
}
