import BenchmarkSupport

/// Eight models with templates, and a ninth whose template is withheld.
struct EightPart {
    struct Result: Codable {
        /// Of a controller without any template: all of its processes together.
        var withoutTemplatesBytes = 0
        /// From the controller's start until all templates and their idle processes are ready.
        var readyMs = 0.0
        /// Then.
        var readyBytes = 0
        var readyProcesses = 0
        /// How long each template's making took, without the fork.
        var templateMs: [Double] = []
        /// The first token of models whose templates are ready, all else being idle.
        var warmMs: [Double] = []
        /// The same while other models' templates are being made.
        var disturbedMs: [Double] = []
        /// The first token of the ninth.
        var withheldMs: [Double] = []
        /// That of a model whose template is ready, asked right after the ninth, so that both start at the same time.
        var besideWithheldMs: [Double] = []

        /// A template's making and a start from it, by medians: what the ninth's first request may take.
        var allowedMs: Double? {
            guard let template = Statistics.median(templateMs), let warm = Statistics.median(warmMs) else { return nil }
            return template + warm
        }

        /// By medians: above 1 is slower.
        var disturbance: Double? { byAlone(disturbedMs) }

        /// The same of starts beside the ninth's.
        var disturbanceByNinth: Double? { byAlone(besideWithheldMs) }

        private func byAlone(_ milliseconds: [Double]) -> Double? {
            guard let median = Statistics.median(milliseconds), let warm = Statistics.median(warmMs) else { return nil }
            return median / warm
        }
    }

    static let count = 8
    static let withheld = "withheld"
    /// Noise and the processor time of a template that is made at low priority.
    static let highestDisturbance = 1.2
    /// Two that start at the same time share the processors; neither may wait for the other.
    static let highestDisturbanceByNinth = 2.0
    private static let withheldCycles = 5

    /// Starts a controller of its own with these models; its argument is for the name of its log.
    let start: (String, [ControllerConfig.Model]) throws -> RunningController
    let folder: ModelFolder
    let plan: Plan

    /// With lengths of their own, so that their templates differ.
    private var templated: [ControllerConfig.Model] {
        (1...Self.count).map {
            .init(
                name: "m\($0)", path: folder.path,
                arguments: FairSettings.arguments(contextLength: FairSettings.contextLength - 128 * ($0 - 1)),
                rest: .warm)
        }
    }
    private var ninth: ControllerConfig.Model { .init(name: Self.withheld, path: folder.path, rest: .cold) }

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result()
        let alone = try start("ninth-alone", [ninth])
        try alone.waitUntilReady(for: .seconds(300))
        try alone.settle()
        result.withoutTemplatesBytes = try ProcessTable.proportionalBytes(of: alone.processes)
        try alone.end()
        try measureUndisturbed(&result, &generator)
        try measureDisturbed(&result)
        return result
    }

    private func measureUndisturbed(_ result: inout Result, _ generator: inout SeededGenerator) throws {
        let controller = try start("eight", templated + [ninth])
        try controller.waitUntilReady(for: .seconds(600), every: .milliseconds(100))
        result.readyMs = Instant.now.milliseconds(since: controller.start)
        Commentary.say("eight templates ready after \(Commentary.milliseconds(result.readyMs))")
        try controller.settle()
        let processes = controller.processes
        result.readyProcesses = processes.count
        result.readyBytes = try ProcessTable.proportionalBytes(of: processes)
        result.templateMs = try controller.management.models().compactMap(\.template).map { template in
            template.stages.reduce(0) { $0 + $1.milliseconds }
        }
        for _ in 0..<plan.cycles {
            guard let model = templated.randomElement(using: &generator) else { break }
            try makeReady(controller)
            result.warmMs.append(try firstToken(of: model.name, .warm, at: controller))
        }
        for _ in 0..<min(Self.withheldCycles, plan.cycles) {
            try makeReady(controller)
            result.withheldMs.append(try firstToken(of: Self.withheld, .cold, at: controller))
        }
        for model in templated.prefix(min(Self.withheldCycles, plan.cycles)) {
            try makeReady(controller)
            var ninth = try StreamingExchange(
                ChatRequest(model: Self.withheld, prompt: Prompts.standard, maxTokens: 1), to: controller.endpoint,
                by: .now + .seconds(10))
            result.besideWithheldMs.append(try firstToken(of: model.name, .warm, at: controller))
            try ninth.finish(by: .now + .seconds(300))
            try ninth.expect(.cold)
        }
        try controller.end()
    }

    /// While the templates of a second controller are made, those models whose own are ready are asked in turn.
    private func measureDisturbed(_ result: inout Result) throws {
        let controller = try start("eight-disturbed", templated + [ninth])
        var asked: [String] = []
        let deadline = Instant.now + .seconds(600)
        while true {
            try folder.makeReady()
            guard let model = try nextToAsk(at: controller, asked, by: deadline) else { break }
            result.disturbedMs.append(try firstToken(of: model, .warm, at: controller))
            asked.removeAll { $0 == model }
            asked.append(model)
            try controller.management.unload(model)
        }
        try controller.end()
    }

    /// Before a start with which nothing is to interfere.
    private func makeReady(_ controller: RunningController) throws {
        try controller.settle()
        try folder.makeReady()
    }

    /// Waits for a model that is ready to be started while a template is being made.
    ///
    /// - Parameter asked: the last one that was asked comes last.
    /// - Returns: the one that was asked longest ago; nil once all templates are made.
    private func nextToAsk(at controller: RunningController, _ asked: [String], by deadline: Instant) throws
        -> String?
    {
        var next: String?
        try controller.wait(
            for: Instant.now.duration(to: deadline), every: .milliseconds(10), what: "Templates in the making"
        ) {
            let models = try controller.management.models().filter { $0.name != Self.withheld }
            if models.allSatisfy({ $0.template?.state == "ready" }) { return true }
            guard models.contains(where: { ["starting", "preparing"].contains($0.template?.state) }) else {
                return false
            }
            let idle = try controller.idleProcesses()
            next = models.filter { model in
                model.tier == StartTier.warm.rawValue && idle.count { $0.model == model.name } >= 2
            }.map(\.name).min { (asked.firstIndex(of: $0) ?? -1) < (asked.firstIndex(of: $1) ?? -1) }
            return next != nil
        }
        return next
    }

    private func firstToken(of model: String, _ tier: StartTier, at controller: RunningController) throws -> Double {
        let exchange = try controller.ask(model)
        try exchange.expect(tier)
        let milliseconds = try exchange.firstTokenMilliseconds
        Commentary.say("\(model), \(tier): \(Commentary.milliseconds(milliseconds))")
        return milliseconds
    }
}
