"""The paper's scorers as their authors published them, read without the frameworks that wrote them."""
