/// Elements by the dots that added them: an element is in while a dot of it is, and a remove takes the dots
/// its author had seen. What was removed leaves nothing behind: absent, while its dot is covered, is removed.
import Base

public struct AddWinsSet: Equatable, Sendable {
    public struct Element: Equatable, Sendable {
        public var bytes: [UInt8]
        /// In order; those not yet settled.
        public var dots: [Stamp]
        /// Added by a dot that everyone has seen and that has been stripped since.
        public var isSettled: Bool

        public init(bytes: [UInt8], dots: [Stamp] = [], isSettled: Bool = false) {
            self.bytes = bytes
            self.dots = dots
            self.isSettled = isSettled
        }

        var isBlank: Bool { dots.isEmpty && !isSettled }
    }

    /// In byte order.
    public internal(set) var elements: [Element] = []
    /// At least the latest stripped dot.
    public internal(set) var settledStamp = Stamp.zero

    public init() {}

    public var isBlank: Bool { elements.isEmpty }

    /// The latest live write.
    public var written: Stamp {
        var latest = elements.contains { $0.isSettled } ? settledStamp : .zero
        for element in elements { latest = max(latest, element.dots.last ?? .zero) }
        return latest
    }

    public func contains(_ bytes: [UInt8]) -> Bool { find(bytes).found }

    func find(_ bytes: [UInt8]) -> (index: Int, found: Bool) {
        var low = 0
        var high = elements.count
        while low < high {
            let middle = (low + high) / 2
            if elements[middle].bytes == bytes { return (middle, true) }
            if elements[middle].bytes.lexicographicallyPrecedes(bytes) { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    func dots(of bytes: [UInt8]) -> [Stamp] {
        let (index, found) = find(bytes)
        return found ? elements[index].dots : []
    }

    mutating func add(_ bytes: [UInt8], dot: Stamp) {
        let (index, found) = find(bytes)
        if !found { elements.insert(Element(bytes: bytes), at: index) }
        guard !elements[index].dots.contains(dot) else { return }
        let at = elements[index].dots.firstIndex { $0 > dot } ?? elements[index].dots.count
        elements[index].dots.insert(dot, at: at)
    }

    /// Removes the named dots, all up to `cut`, and the settled part, which every remover in flight has seen.
    mutating func remove(_ bytes: [UInt8], dots: [Stamp], cut: Stamp) {
        let (index, found) = find(bytes)
        guard found else { return }
        elements[index].dots.removeAll { $0 <= cut || dots.contains($0) }
        elements[index].isSettled = false
        if elements[index].isBlank { elements.remove(at: index) }
        if elements.isEmpty { settledStamp = .zero }
    }

    mutating func clear(_ covers: (Stamp) -> Bool) {
        for index in elements.indices {
            elements[index].dots.removeAll(where: covers)
            elements[index].isSettled = false
        }
        elements.removeAll { $0.isBlank }
        if elements.isEmpty { settledStamp = .zero }
    }

    mutating func hide(before milliseconds: Int64) { clear { $0.unixMilliseconds < milliseconds } }

    func restricted(to cut: Stamp) -> AddWinsSet {
        var part = self
        for index in part.elements.indices { part.elements[index].dots.removeAll { $0 > cut } }
        part.elements.removeAll { $0.isBlank }
        return part
    }

    mutating func removeAll(upTo cut: Stamp) { clear { $0 <= cut } }

    mutating func settle(_ cut: Stamp) {
        for index in elements.indices {
            guard let first = elements[index].dots.first, first <= cut else { continue }
            for dot in elements[index].dots where dot <= cut { settledStamp = max(settledStamp, dot) }
            elements[index].dots.removeAll { $0 <= cut }
            elements[index].isSettled = true
        }
    }
}
