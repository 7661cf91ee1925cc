import BenchmarkSupport

/// The servers of the sides, of the same weights, all loaded at the same time.
struct ExecutorServers {
    private let stock: [ExecutorSide: StockServer]
    private let controller: RunningController?
    let opponents: [DecodePart<ExecutorSide>.Opponent]

    /// Stock's own worker comes first: vLLM binds it to as many processors as it thinks right, and the others get as many
    /// threads.
    ///
    /// - Parameter start: starts a controller with vLLM and waits until it is ready.
    init(
        _ sides: [ExecutorSide], bed: TestBed, folder: ModelFolder, tokens: Int,
        start: (String, [ControllerConfig.Model]) throws -> RunningController
    ) throws {
        var stock: [ExecutorSide: StockServer] = [:]
        var environment: [String: String] = [:]
        if sides.contains(.stockMultiprocess) {
            let server = try Self.startStock(.multiprocess, environment, bed, folder)
            let threads = try ComputeThreads.count(
                of: server.model, at: server.endpoint, processes: server.processes, tokens: tokens)
            Commentary.say("stock's worker computes with \(threads) threads, and so does everybody")
            environment = Self.environment(threads: threads)
            stock[.stockMultiprocess] = server
        }
        if sides.contains(.stockInProcess) {
            stock[.stockInProcess] = try Self.startStock(.inProcess, environment, bed, folder)
        }
        let models: [ControllerConfig.Model] = sides.compactMap { side in
            let executor: ControllerConfig.Executor
            switch side {
            case .inProcess: executor = .inProcess
            case .remote: executor = .remote(size: 1)
            case .stockInProcess, .stockMultiprocess: return nil
            }
            return .init(
                name: side.rawValue, path: folder.path, rest: .warm, executor: executor, environment: environment)
        }
        controller = models.isEmpty ? nil : try start("executors", models)
        for model in models { try controller?.loadToMeasure(model) }
        self.stock = stock
        opponents = try sides.compactMap { [controller] side in
            if let server = stock[side] {
                return .init(
                    side: side, model: server.model, endpoint: server.endpoint, processes: server.processes)
            }
            return try controller.map {
                .init(
                    side: side, model: side.rawValue, endpoint: $0.endpoint,
                    processes: try $0.processes(of: side.rawValue))
            }
        }
    }

    /// For as many threads as that: all of OpenMP, torch and vLLM go by it.
    static func environment(threads: Int) -> [String: String] { ["OMP_NUM_THREADS": "\(threads)"] }

    private static func startStock(
        _ executor: StockServer.Executor, _ environment: [String: String], _ bed: TestBed, _ folder: ModelFolder
    ) throws -> StockServer {
        Commentary.say("starting a stock server, \(executor)")
        let server = try StockServer(
            bed.workspace, python: bed.programs.python, model: folder.path, executor: executor,
            environment: environment, log: "stock-\(executor)")
        _ = try server.firstTokenMilliseconds(
            ChatRequest(model: server.model, prompt: Prompts.standard, maxTokens: 8))
        return server
    }

    func end() throws {
        for server in stock.values { try server.end() }
        try controller?.end()
    }
}

extension RunningController {
    /// Loads a model, sees to it that it has the workers that it is to have, and asks what all sides are asked first.
    func loadToMeasure(_ model: ControllerConfig.Model) throws {
        try management.load(model.name)
        // Besides front end and core.
        let leased = try processes(of: model.name).count - 2
        guard leased == model.workers else {
            throw BenchmarkError("'\(model.name)' was to have \(model.workers) leased workers, and has \(leased).")
        }
        _ = try ask(model.name)
    }
}
